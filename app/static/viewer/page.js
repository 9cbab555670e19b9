/** The data that the server wrote into the page: models, limits, colours. See app/routes/pages.py. */

export const page = JSON.parse(document.getElementById("page-data").textContent);
