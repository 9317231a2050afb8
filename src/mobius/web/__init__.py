"""The web face: `/metrics`, the verdict for other machines, and one page for people. It reads, and changes nothing."""
