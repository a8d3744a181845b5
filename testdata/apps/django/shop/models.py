from django.db import models


class Order(models.Model):
    """One execution of a POST. `key` comes from the client, so a request that ran twice has two rows."""

    key = models.CharField(max_length=100)
    item = models.CharField(max_length=200)
    port = models.PositiveIntegerField()
    pid = models.PositiveIntegerField()
    created = models.DateTimeField(auto_now_add=True)
