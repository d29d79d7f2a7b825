"""Django REST framework, and its adapter for JSON:API, with each of their pagination classes."""

import django
from common import read_records, serve_wsgi
from django.conf import settings

settings.configure(
    DEBUG=False,
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="not a secret",
    USE_TZ=True,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "customers.db"}},
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "rest_framework"],
    REST_FRAMEWORK={"DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"]},
)
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402 - Django wants its settings first
from django.db import connection, models  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework import generics, pagination, serializers  # noqa: E402
from rest_framework_json_api import pagination as jsonapi  # noqa: E402
from rest_framework_json_api import serializers as jsonapi_serializers  # noqa: E402
from rest_framework_json_api.renderers import JSONRenderer  # noqa: E402


class Customer(models.Model):
    name = models.TextField()
    note = models.TextField()

    class Meta:
        app_label = "customers"
        ordering = ("id",)

    class JSONAPIMeta:
        resource_name = "customers"


class Plain(serializers.ModelSerializer):
    class Meta:
        model = Customer
        fields = ("id", "name", "note")


class Typed(jsonapi_serializers.ModelSerializer):
    class Meta:
        model = Customer
        fields = ("name", "note")


class Numbers(pagination.PageNumberPagination):
    page_size, page_size_query_param, max_page_size = 10, "page_size", 25


class Offsets(pagination.LimitOffsetPagination):
    default_limit, max_limit = 10, 25


class Cursors(pagination.CursorPagination):
    page_size, page_size_query_param, max_page_size, ordering = 10, "page_size", 25, "id"


class SealedNumbers(jsonapi.JsonApiPageNumberPagination):
    page_size = 10


class SealedOffsets(jsonapi.JsonApiLimitOffsetPagination):
    default_limit = 10


def view(paginator, **options):
    made = {"queryset": Customer.objects.all(), "serializer_class": Plain, "pagination_class": paginator, **options}
    return type("List", (generics.ListAPIView,), made).as_view()


TYPED = {"serializer_class": Typed, "renderer_classes": [JSONRenderer], "resource_name": "customers"}
urlpatterns = [
    path("numbers", view(Numbers)),
    path("offsets", view(Offsets)),
    path("cursors", view(Cursors)),
    path("jsonapi/numbers", view(SealedNumbers, **TYPED)),
    path("jsonapi/offsets", view(SealedOffsets, **TYPED)),
]

if __name__ == "__main__":
    with connection.schema_editor() as editor:
        editor.create_model(Customer)
    Customer.objects.bulk_create([Customer(**record) for record in read_records()])
    serve_wsgi(get_wsgi_application())
