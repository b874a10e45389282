"use strict";
// Shows the OpenAPI document with Swagger UI. No validator: its badge would be fetched from the internet.
SwaggerUIBundle({
  url: document.getElementById("swagger-ui").dataset.document,
  dom_id: "#swagger-ui",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: -1,
  validatorUrl: null,
  requestInterceptor: (request) => {
    const signedIn = document.querySelector("[data-token]");
    if (signedIn && new URL(request.url, location).origin === location.origin) request.headers["X-CSRF-Token"] = signedIn.dataset.token;
    return request;
  },
});
