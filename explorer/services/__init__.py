"""What pages ask of the machine: models, renderer, jobs, searches, runs."""
