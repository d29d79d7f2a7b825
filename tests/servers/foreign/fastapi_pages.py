"""fastapi-pagination, with each of its pages."""

from common import read_records, serve_asgi
from fastapi import FastAPI
from fastapi_pagination import LimitOffsetPage, Page, add_pagination, paginate
from fastapi_pagination.cursor import CursorPage
from fastapi_pagination.customization import CustomizedPage, UseResponseHeaders
from fastapi_pagination.ext.sqlalchemy import paginate as paginate_rows
from fastapi_pagination.links import LimitOffsetPage as LinkedOffsetPage
from fastapi_pagination.links import Page as LinkedPage
from fastapi_pagination.links.default import UseHeaderLinks
from pydantic import BaseModel, ConfigDict
from sqlalchemy import Column, Integer, Text, create_engine, select
from sqlalchemy.orm import Session, declarative_base
from sqlalchemy.pool import StaticPool

app = FastAPI()
engine = create_engine("sqlite://", connect_args={"check_same_thread": False}, poolclass=StaticPool)
Base = declarative_base()


class Row(Base):
    __tablename__ = "customers"
    id = Column(Integer, primary_key=True)
    name = Column(Text)
    note = Column(Text)


class Customer(BaseModel):
    model_config = ConfigDict(from_attributes=True)
    id: int
    name: str
    note: str


HeaderPage = CustomizedPage[Page[Customer], UseHeaderLinks()]
TokenPage = CustomizedPage[CursorPage[Customer], UseResponseHeaders(lambda page: {"X-Next": page.next_page or ""})]


def list_rows():
    with Session(engine) as session:
        return paginate_rows(session, select(Row).order_by(Row.id))


def list_all():
    return paginate([Customer(**record) for record in read_records()])


# These routes end their answers in different ways, and take their parameters by different names.
app.get("/numbers", response_model=Page[Customer])(list_all)
app.get("/offsets", response_model=LimitOffsetPage[Customer])(list_all)
app.get("/linked", response_model=LinkedPage[Customer])(list_all)
app.get("/linked-offsets", response_model=LinkedOffsetPage[Customer])(list_all)
app.get("/headers", response_model=HeaderPage)(list_all)
app.get("/cursors", response_model=CursorPage[Customer])(list_rows)
app.get("/tokens", response_model=TokenPage)(list_rows)
add_pagination(app)

if __name__ == "__main__":
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Row(**record) for record in read_records()])
        session.commit()
    serve_asgi(app)
