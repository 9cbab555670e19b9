/** What the server wrote into the page: models, limits, colours, samples. See app/routes/pages.py. */

export const page = JSON.parse(document.getElementById("page-data").textContent);
