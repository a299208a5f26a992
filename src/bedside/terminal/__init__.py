"""What people see in a terminal: progress while a run goes on, tables when it is done."""
