"""What pages need from the machine: models, the renderer, jobs, searches, runs."""
