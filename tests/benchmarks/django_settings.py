"""Settings of the peers that use Django: its defaults, so CONN_MAX_AGE is 0."""

import os

import environ

from tests.benchmarks.contender import DJANGOQ_WORKERS

SECRET_KEY = "only-for-this-benchmark"
DATABASES = {"default": environ.Env.db_url_config(os.environ["DATABASE_URL"])}
INSTALLED_APPS = ["django.contrib.contenttypes", "django_q", "tests.benchmarks"]
USE_TZ = True
# The documentation's example for the ORM broker, but for the workers and queue_limit: with the default, the workers'
# square, tasks wait longer than `retry` and are executed twice.
Q_CLUSTER = {
    "name": "benchmarks",
    "workers": DJANGOQ_WORKERS,
    "queue_limit": DJANGOQ_WORKERS,
    "bulk": 10,
    "timeout": 90,
    "retry": 120,
    "orm": "default",
}
