"""What happens while no journal can be written: who may act on this machine, and what was done."""
