// One press of Back leads one view back. Streamlit writes the address of a page in two steps, first
// its path and then what it shows; here the second takes the place of the first. An address is
// whole once it names the weights that are shown.
if (!history.whole) {
  history.whole = true;
  const push = history.pushState.bind(history);
  const home = new URL(".", document.baseURI).pathname;
  history.pushState = (state, title, url) => {
    const to = new URL(url ?? location.href, location.href);
    const begun = !new URLSearchParams(location.search).has("weights");
    const same = to.pathname === location.pathname || location.pathname === home;
    if (begun && same) history.replaceState(state, title, url);
    else push(state, title, url);
  };
}
