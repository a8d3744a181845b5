"""Settings of a tutorial's project: DEBUG, SQLite, runserver. Valid for Django 3.2 to 5.x."""
import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

# One key for all copies: a key made up at start would end every session that another copy began.
SECRET_KEY = "for-development-on-this-machine-only-0123456789abcdefghijklmnopqrstuvwxyz"
DEBUG = True
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]

ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True

INSTALLED_APPS = ["django.contrib.sessions", "shop"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
]
if os.environ.get("SHOP_GZIP"):
    MIDDLEWARE.insert(1, "django.middleware.gzip.GZipMiddleware")
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("SHOP_DB", BASE_DIR / "db.sqlite3"),
        # Seconds to wait for another copy's write. sqlite3's default of 5 is short for many writers, and running out
        # of it is the "database is locked" that people meet with several processes.
        "OPTIONS": {"timeout": 30},
    }
}
# Cookies don't know ports (RFC 6265, section 8.5): a name of its own keeps other projects on 127.0.0.1 out.
SESSION_COOKIE_NAME = "shop_session"
CSRF_COOKIE_NAME = "shop_csrf"
