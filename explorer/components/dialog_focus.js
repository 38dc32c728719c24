// Returns the focus to where a dialog was opened from. Streamlit returns it to elements of the page
// itself, but not to a button inside a component, which it cannot see.
if (!window.explorerDialogFocus) {
  window.explorerDialogFocus = true;
  const OPEN = '[data-testid="stDialog"]';
  let opener = null;
  let open = false;

  const focused = () => {
    let at = document.activeElement;
    while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
    return at;
  };
  const lost = (at) => !at || at === document.body || Boolean(at.shadowRoot);

  document.addEventListener("focusin", (event) => {
    const [at] = event.composedPath();
    if (!document.querySelector(OPEN)) opener = at;
  });
  new MutationObserver(() => {
    const now = Boolean(document.querySelector(OPEN));
    const closed = open && !now;
    open = now;
    if (!closed) return;
    const back = opener;
    // Streamlit moves the focus in the frame after the dialog has gone.
    const give = () => lost(focused()) && back?.isConnected && back.focus();
    requestAnimationFrame(() => requestAnimationFrame(give));
  }).observe(document.body, { childList: true, subtree: true });
}
