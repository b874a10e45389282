// Jobs that are not finished are followed by reading their JSON; the page is not loaded again for it.
"use strict";
const ACTIVE = ["accepted", "running"];
const SHORTEST = 1000, LONGEST = 10000;
for (const part of document.querySelectorAll("[data-needs-script]")) part.hidden = false;

function show(root, job) {
  root.dataset.status = job.status;
  for (const part of root.querySelectorAll("[data-show]")) {
    const name = part.dataset.show;
    if (name === "status") part.className = "status " + job.status;
    if (name === "progress") part.value = job.progress || 0;
    else if (name === "percent") part.textContent = (job.progress || 0) + " %";
    else if (job[name] !== undefined && part.textContent !== String(job[name])) part.textContent = job[name];
  }
}

function follow(url, isActive, update) {
  let pause = SHORTEST;
  const again = async () => {
    if (!isActive()) return;
    if (!document.hidden) {
      try {
        const reply = await fetch(url, { headers: { Accept: "application/json" } });
        if (reply.ok) { update(await reply.json()); pause = SHORTEST; }
        else if (reply.status === 404) return location.reload();
        else pause = Math.min(pause * 2, LONGEST);
      } catch { pause = Math.min(pause * 2, LONGEST); }
    }
    setTimeout(again, pause);
  };
  setTimeout(again, pause);
}

const one = document.querySelector("[data-poll-job]");
if (one) {
  follow(one.dataset.pollJob, () => ACTIVE.includes(one.dataset.status), (job) => {
    show(one, job);
    if (!ACTIVE.includes(job.status)) location.reload(); // its outputs are there now
  });
}

const table = document.querySelector("[data-poll]");
if (table) {
  const rows = new Map([...table.querySelectorAll("[data-job]")].map((row) => [row.dataset.job, row]));
  const query = new URLSearchParams(location.search);
  query.set("f", "json");
  const anyActive = () => [...rows.values()].some((row) => ACTIVE.includes(row.dataset.status));
  follow(location.pathname + "?" + query, anyActive, (page) => {
    const seen = new Map(page.jobs.map((job) => [job.jobID, job]));
    for (const [id, row] of rows) {
      if (seen.has(id)) show(row, seen.get(id));
      else if (ACTIVE.includes(row.dataset.status)) row.dataset.status = "elsewhere"; // on another page by now
    }
  });
}

for (const button of document.querySelectorAll("[data-delete]")) {
  button.addEventListener("click", async () => {
    if (!confirm(button.textContent + "?")) return;
    button.disabled = true;
    const headers = { Accept: "application/json" };
    const signedIn = document.querySelector("[data-token]");
    if (signedIn) headers["X-CSRF-Token"] = signedIn.dataset.token;
    const reply = await fetch(button.dataset.delete, { method: "DELETE", headers });
    const active = one && ACTIVE.includes(one.dataset.status);
    if (active && reply.ok) location.reload(); else location.assign(button.dataset.list);
  });
}

for (const form of document.querySelectorAll("form[role=search]")) { // an empty field filters nothing
  form.addEventListener("submit", () => {
    for (const part of form.querySelectorAll("[data-optional]")) part.disabled = part.value === "";
  });
}
