"""Airflow's form for a connection, used with mouse and keyboard as a person does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airflow_provider_integry.connection_fields import Field
from airflow_provider_integry.connection_types import ConnectionType


class ConnectionForm:
    """The dialog that adds or edits one connection of one type."""

    def __init__(self, page: Any, conn_type: ConnectionType) -> None:
        self._page = page
        self._type = conn_type
        self._dialog = page.get_by_role("dialog")
        self._save = self._dialog.get_by_role("button", name="Save", exact=True)

    def open_new(self, conn_id: str) -> None:
        """Open 'Add Connection' and choose the type."""
        self._page.goto("/connections")
        self._page.get_by_role("button", name="Add Connection").first.click()
        self._dialog.locator("[name=connection_id]").fill(conn_id)
        self._dialog.get_by_role("combobox").first.fill(self._type.label)
        self._page.get_by_role("option", name=self._type.label, exact=True).click()
        self._locate(self._type.fields[-1]).wait_for(state="attached")

    def open_edit(self, conn_id: str) -> None:
        """Open 'Edit Connection' of a connection in the list, which is what saving leads to; it has a connector."""
        from playwright.sync_api import expect

        row = self._page.get_by_role("row").filter(has=self._page.get_by_text(conn_id, exact=True))
        row.get_by_role("button", name="Edit Connection").click()
        # The form appears empty, and is filled in then.
        expect(self._locate(self._type.fields_by_name["connector"])).not_to_have_value("")

    def fill(self, values: Mapping[str, Any]) -> None:
        """Give values to fields."""
        for name, value in values.items():
            self._fill(self._type.fields_by_name[name], value)

    def describe(self, text: str) -> None:
        """Fill in Airflow's own field for a description."""
        self._open_section(self._page.locator("[name=description]")).fill(text)

    def read(self) -> dict[str, Any]:
        """Return what each field shows."""
        return {field.name: self._read(field) for field in self._type.fields}

    def read_field(self, name: str) -> Any:
        """Return what one field shows."""
        return self._read(self._type.fields_by_name[name])

    def is_hidden(self, name: str) -> bool:
        """Tell whether a field shows dots in place of what it holds."""
        return self._locate(self._type.fields_by_name[name]).get_attribute("type") == "password"

    def wait_until(self, *, can_be_saved: bool) -> None:
        """Wait until the form offers Save, or no longer does."""
        from playwright.sync_api import expect

        (expect(self._save).to_be_enabled if can_be_saved else expect(self._save).to_be_disabled)()

    def save(self) -> None:
        """Press Save, and wait until Airflow has taken it."""
        self._save.click()
        self._dialog.wait_for(state="hidden")

    def take_pictures(self, folder: Path, name: str) -> None:
        """Write one picture of each section of the form, from its first field to its last."""
        triggers = self._dialog.locator("[data-scope=accordion][data-part=item-trigger]")
        size = self._page.viewport_size
        for number in range(triggers.count()):
            self._expand(triggers.nth(number))
            self._page.set_viewport_size({**size, "height": int(self._dialog.bounding_box()["height"]) + 200})
            self._page.screenshot(path=folder / f"{name}-{number + 1}.png", full_page=True)
            self._page.set_viewport_size(size)

    def _locate(self, field: Field) -> Any:
        if field.column:
            return self._page.locator(f"[name={field.column}]")
        return self._page.locator(f"[name=element_{field.name}]")

    def _open_section(self, control: Any) -> Any:
        """Return a control of the form after opening the section that it is in: the form shows one at a time."""
        if control.is_visible():
            return control
        section = self._dialog.locator("[data-scope=accordion][data-part=item]").filter(has=control)
        self._expand(section.locator("[data-part=item-trigger]").first)
        return control

    def _expand(self, trigger: Any) -> None:
        from playwright.sync_api import expect

        if trigger.get_attribute("aria-expanded") != "true":
            trigger.click()
            expect(trigger).to_have_attribute("aria-expanded", "true")

    def _fill(self, field: Field, value: Any) -> None:
        control = self._open_section(self._locate(field))
        match field.kind:
            case "boolean":
                self._switch(control, field.name, value)
            case "choice":
                self._choose(field.name, value)
            case "integer" | "number":
                # Key by key: a form that reads each key press loses the '.' of '2.5' if it is careless.
                control.fill("")
                # At the speed of a person: the form drops a point that it has not drawn yet.
                control.press_sequentially(f"{value:g}", delay=40)
            case _:
                control.fill(value)

    def _switch(self, control: Any, name: str, value: bool) -> None:
        if control.is_checked() != value:
            self._dialog.locator(f"[id='switch:element_{name}:control']").click()

    def _choose(self, name: str, value: str) -> None:
        self._dialog.locator(f"#element_{name}").get_by_role("combobox").click()
        self._page.get_by_role("option", name=value, exact=True).click()

    def _read(self, field: Field) -> Any:
        control = self._open_section(self._locate(field))
        match field.kind:
            case "boolean":
                return control.is_checked()
            case "integer" | "number":
                return float(control.input_value())
        return control.input_value()
