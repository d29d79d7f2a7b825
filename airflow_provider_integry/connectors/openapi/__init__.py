"""OpenAPI documents to connectors: read once, written as a file that people go on with. No I/O.

`source` reads the text, `refs` follows references, `operations` and `swagger2` bring all versions
into one shape, `inputs`, `results`, `paging` and `security` say the same in the activity language,
`write` makes YAML of it, and `build` puts these together.
"""

from __future__ import annotations
