// Makes one press of Back go back one view. Streamlit writes a page's address in two steps, first
// its path and then its settings; here the second entry replaces the first. An address is complete
// once it contains the weights.
if (!history.patched) {
  history.patched = true;
  const push = history.pushState.bind(history);
  const home = new URL(".", document.baseURI).pathname;
  history.pushState = (state, title, url) => {
    const to = new URL(url ?? location.href, location.href);
    const incomplete = !new URLSearchParams(location.search).has("weights");
    const same = to.pathname === location.pathname || location.pathname === home;
    if (incomplete && same) history.replaceState(state, title, url);
    else push(state, title, url);
  };
}
