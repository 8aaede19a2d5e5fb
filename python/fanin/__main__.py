"""`python -m fanin` is `fanin`."""

import sys

from .cli import main

sys.exit(main())
