// GeoJSON outputs on a map that needs no internet: an outline of the land below, no tiles.
"use strict";
const LAND = { color: "#8a9a8c", weight: 1, fillColor: "#f4f1e8", fillOpacity: 1 };
const OUTPUT = { color: "#a6360b", weight: 2, fillOpacity: 0.35 };

function properties(feature) { // text nodes only: what a process wrote is never markup
  const list = document.createElement("dl");
  for (const [name, value] of Object.entries(feature.properties || {})) {
    const term = document.createElement("dt"), text = document.createElement("dd");
    term.textContent = name;
    text.textContent = typeof value === "object" ? JSON.stringify(value) : String(value);
    list.append(term, text);
  }
  return list;
}

async function draw(element) {
  const map = L.map(element, { crs: L.CRS.EPSG4326, minZoom: 0, maxZoom: 16, attributionControl: false });
  map.setView([0, 0], 0);
  L.control.scale({ imperial: false }).addTo(map);
  const land = await (await fetch(element.dataset.land)).json();
  L.geoJSON(land, { style: LAND, interactive: false }).addTo(map);
  const reply = await fetch(element.dataset.map);
  if (!reply.ok) throw new Error("the output is not available");
  const layer = L.geoJSON(await reply.json(), {
    style: OUTPUT,
    pointToLayer: (_, at) => L.circleMarker(at, { ...OUTPUT, radius: 7 }),
    onEachFeature: (feature, part) => part.bindPopup(() => properties(feature), { maxHeight: 240 }),
  }).addTo(map);
  if (layer.getBounds().isValid()) map.fitBounds(layer.getBounds(), { padding: [24, 24], maxZoom: 12 });
}

for (const element of document.querySelectorAll("[data-map]")) {
  draw(element).catch((error) => { element.textContent = "No map: " + error.message; });
}
