from django.urls import path

from shop import views

urlpatterns = [
    path("", views.index, name="index"),
    path("order/", views.order, name="order"),
    path("login/", views.login, name="login"),
    path("logout/", views.logout, name="logout"),
    path("port", views.port, name="port"),
    path("ticks", views.ticks, name="ticks"),
    path("state", views.state, name="state"),
    path("executions", views.executions, name="executions"),
    path("api/order", views.api_order, name="api_order"),
]
