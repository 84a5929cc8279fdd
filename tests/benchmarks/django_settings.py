"""Settings of the peers that use Django: its defaults, so CONN_MAX_AGE is 0."""

import os

import environ

SECRET_KEY = "only-for-this-benchmark"
DATABASES = {"default": environ.Env.db_url_config(os.environ["DATABASE_URL"])}
INSTALLED_APPS = ["django.contrib.contenttypes", "django_q", "tests.benchmarks"]
USE_TZ = True
# The documentation's example for the ORM broker, but for two values: workers as in our content cluster, and the default
# queue_limit and bulk, because the example's 50 and 10 would wait longer than `retry` and be executed twice.
Q_CLUSTER = {"name": "benchmarks", "workers": 6, "timeout": 90, "retry": 120, "orm": "default"}
