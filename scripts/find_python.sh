#!/bin/sh
# Print the path of a Python that this project runs on (3.10 to 3.13), or say what to do.
# usage: find_python.sh [PYTHON]    with PYTHON, only that one is looked at
check='import sys
if not (3, 10) <= sys.version_info[:2] <= (3, 13):
    sys.exit(1)
# Inside a virtual environment, the Python that it was made from.
print(getattr(sys, "_base_executable", sys.executable))'

for candidate in ${1:-python3 python3.13 python3.12 python3.11 python3.10 python}; do
    if found=$("$candidate" -c "$check" 2>/dev/null); then
        echo "$found"
        exit 0
    fi
done

{
    echo "A Python from 3.10 to 3.13 is needed, and was not found."
    for candidate in ${1:-python3 python}; do
        if version=$("$candidate" --version 2>&1); then
            echo "  $candidate is $version"
        else
            echo "  $candidate cannot be run"
        fi
    done
    echo "Install one, or name it: make PYTHON=/path/to/python3.12 ..."
} >&2
exit 1
