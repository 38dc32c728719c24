"""What every other folder leans on: errors, files, names, progress."""
