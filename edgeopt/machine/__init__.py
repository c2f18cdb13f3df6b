"""What is on this machine: its GPUs, its stores of models, and how fast their disks are read."""
