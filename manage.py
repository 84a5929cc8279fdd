#!/usr/bin/env python
import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import OperationalError

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "roadmap_project.settings")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.stderr.write(f"Wrong configuration: {error}\n")
        sys.exit(2)  # as for wrong arguments: nothing was looked at yet
    except OperationalError as error:
        sys.exit(f"The database of DATABASE_URL cannot be used: {str(error).strip()}")
