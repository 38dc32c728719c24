// On a narrow screen the pages are listed in a drawer that lies over the page: a tap on a page
// closes the drawer. Beside a page on a phone on its side the drawer would leave too little room, so
// it begins closed there too.
if (!window.explorerDrawer) {
  window.explorerDrawer = true;
  const low = matchMedia("(max-height: 560px) and (max-width: 1024px)");
  const closer = () =>
    document
      .querySelector('[data-testid="stSidebar"][data-collapsed="false"]')
      ?.querySelector('[data-testid="stSidebarCollapseButton"] button');
  if (low.matches) {
    const begin = () => {
      if (!closer()) return;
      watch.disconnect();
      closer().click();
    };
    const watch = new MutationObserver(begin);
    watch.observe(document.body, { childList: true, subtree: true, attributes: true });
    addEventListener("pointerdown", () => watch.disconnect(), { once: true });
    begin();
  }
  document.addEventListener("click", (event) => {
    const chosen = event.target.closest('[data-testid="stSidebarNavLink"]');
    if (!chosen || !(low.matches || matchMedia("(max-width: 768px)").matches)) return;
    document.querySelector('[data-testid="stSidebarCollapseButton"] button')?.click();
  });
  // On a phone the controls of Browse are folded; a button above its pictures opens and closes them.
  document.addEventListener("click", (event) => {
    const fold = event.target.closest(".st-key-fold button");
    if (!fold) return;
    const open = fold.getAttribute("aria-expanded") !== "true";
    fold.setAttribute("aria-expanded", String(open));
  });
}
