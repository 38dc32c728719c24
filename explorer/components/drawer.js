// On a narrow screen the pages are listed in a drawer that lies over the page: a tap on a page
// closes the drawer.
if (!window.explorerDrawer) {
  window.explorerDrawer = true;
  document.addEventListener("click", (event) => {
    const chosen = event.target.closest('[data-testid="stSidebarNavLink"]');
    if (!chosen || !matchMedia("(max-width: 768px)").matches) return;
    document.querySelector('[data-testid="stSidebarCollapseButton"] button')?.click();
  });
}
