"""The tools that know of vulnerabilities, each called so that what it says can be believed."""
