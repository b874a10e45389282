// The form of a process: its fields as an execute request, sent as JSON.
"use strict";
const form = document.getElementById("execute");
const told = document.getElementById("told");
for (const part of form.querySelectorAll("[data-needs-script]")) part.hidden = false;

function inputs() {
  const found = {};
  for (const control of form.querySelectorAll("[data-reads]")) {
    control.setCustomValidity("");
    if (control.value.trim() === "") continue;
    try {
      found[control.name] = control.dataset.reads === "text" ? control.value : JSON.parse(control.value);
    } catch (error) {
      control.setCustomValidity("Invalid JSON: " + error.message);
      control.reportValidity();
      return null;
    }
  }
  return found;
}

function tell(text, kind) {
  told.className = "mt-3 alert alert-" + kind;
  told.textContent = text;
}

function fault(reply, body) {
  const each = (body.errors || []).map((error) => error.pointer + ": " + error.detail);
  return [(body.title || reply.status) + ": " + (body.detail || ""), ...(each.length > 1 ? each : [])].join("\n");
}

function jobOf(reply, document_) {
  if (reply.status === 201) return document_.jobID;
  const link = (reply.headers.get("Link") || "").match(/<[^>]*\/jobs\/([^>/?]+)>;[^,]*monitor/);
  return link ? decodeURIComponent(link[1]) : null;
}

form.addEventListener("input", (event) => event.target.setCustomValidity && event.target.setCustomValidity(""));
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const values = inputs();
  if (values === null) return;
  const async_ = document.getElementById("async");
  const headers = { "Content-Type": "application/json", Accept: "application/json" };
  const signedIn = document.querySelector("[data-token]");
  if (signedIn) headers["X-CSRF-Token"] = signedIn.dataset.token;
  if (!async_ || async_.checked) headers.Prefer = "respond-async";
  tell("Sent; waiting for the response ...", "info");
  try {
    const reply = await fetch(form.dataset.execute, { method: "POST", headers, body: JSON.stringify({ inputs: values }) });
    const type = reply.headers.get("Content-Type") || "";
    const body = type.includes("json") ? await reply.json() : await reply.text();
    if (!reply.ok) return tell(fault(reply, body), "danger");
    const job = jobOf(reply, body);
    if (job) location.assign(form.dataset.jobs + encodeURIComponent(job) + "?f=html");
    else tell(typeof body === "string" ? body : JSON.stringify(body, null, 2), "success");
  } catch (error) {
    tell("The service did not respond: " + error.message, "danger");
  }
});
