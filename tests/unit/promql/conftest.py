"""Makes the models beside the tests importable: `tests.unit.promql.mini_oracle`, `….strategies`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))
