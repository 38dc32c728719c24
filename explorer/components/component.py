"""How a component of this folder is made, and its data sent."""

import json

import streamlit as st


def component(name, *, html, css, js):
    """A Streamlit component: a function (key, data, on_…_change) that shows it.

    data: what JSON can hold. It goes as one text, data.json in the browser: in a dictionary
    Streamlit would look for tables, and import pandas for it, half a second of the first picture.
    """
    mount = st.components.v2.component(name, html=html, css=css, js=js)

    def show(*, data, **more):
        return mount(data={"json": json.dumps(data)}, **more)

    return show
