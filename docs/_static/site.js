// A link to a method or parameter opens its description.
const open = () => document.querySelector(":target + dd > details")?.setAttribute("open", "");
addEventListener("DOMContentLoaded", open);
addEventListener("hashchange", open);
