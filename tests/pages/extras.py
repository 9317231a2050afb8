"""What `pip install 'mobius[…]'` is while a page is followed: mobius is here, and so must be all of its extras."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from pages.followed import missing_of

for word in sys.argv[2:]:
    named = re.fullmatch(r"mobius\[([a-z0-9,]+)\]", word)
    lacking = [need for extra in named[1].split(",") for need in missing_of(extra)] if named else [word]
    if lacking:
        sys.exit(f"not here: {', '.join(lacking)}")
