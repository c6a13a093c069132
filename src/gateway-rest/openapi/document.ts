// The OpenAPI 3.1 document of the REST API, generated from the contract's descriptors.
import type { JsonObject } from "@bufbuild/protobuf";
import packageJson from "../../../package.json" with { type: "json" };
import type { Binding } from "../routing/http-rule.ts";
import { descriptionOf } from "./comments.ts";
import { operationIds, pathOf, tagOf } from "./names.ts";
import { operationOf } from "./operation.ts";
import { examples, Refusals } from "./responses.ts";
import { Schemas } from "./schemas.ts";

/** `domain`: the installation's domain; the API is at `api.<domain>`. */
export function openapiDocument(bindings: readonly Binding[], domain: string): JsonObject {
  const services = new Set(bindings.map(({ method }) => method.parent));
  const ids = operationIds(bindings);
  const schemas = new Schemas(bindings.map(({ method }) => method.output));
  const refusals = new Refusals();
  const paths = new Map<string, Record<string, JsonObject>>();
  for (const binding of bindings) {
    const item = paths.get(pathOf(binding)) ?? {};
    const id = ids.get(binding) ?? "";
    item[binding.verb.toLowerCase()] = operationOf(binding, id, schemas, refusals);
    paths.set(pathOf(binding), item);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Realmgate",
      version: packageJson.version,
      description: introduction,
    },
    servers: servers(domain),
    tags: [...services].map((service) => ({
      name: tagOf(service),
      description: descriptionOf(service),
    })),
    paths: Object.fromEntries(paths),
    components: {
      schemas: { ...schemas.components(), Error: error },
      responses: refusals.components(),
      parameters,
      headers,
      examples: examples(),
      securitySchemes,
    },
  };
}

const introduction = `Access control for the programs of containers: who may reach which program of which container.

- Every answer has an envelope: \`statusCode\`, \`message\` and \`data\`; errors also have \`error\` and \`code\`.
- A path may end with one more slash. Parameters and fields that are not listed are refused.
- On a host whose first label is a realm, only resources in that realm exist, and new resources belong to it.
- A permission document, its hooks and its settings have a version, \`file:v<N>\`. A write sends the
  version that it saw in \`If-Match\`.`;

/** Of `servers`: relative to the document's own URL. */
export const sameHost = "/";

const realmId: JsonObject = { type: "string", pattern: "^[0-9a-f]{24}$" };

/** First a whole URL: generators and importers take it as it is. */
function servers(domain: string): JsonObject[] {
  const isHere = domain === "localhost";
  const [protocol, authority] = isHere ? ["http", "localhost:8080"] : ["https", `api.${domain}`];
  const host: JsonObject = {
    default: authority,
    description: "The host of the API, with its port unless it is the default.",
  };
  const scheme: JsonObject = { default: protocol, enum: ["https", "http"] };
  return [
    {
      url: `${protocol}://${authority}`,
      description: "No realm: all resources of the caller.",
    },
    {
      url: "{scheme}://{host}",
      description: "No realm, at another address.",
      variables: { scheme, host },
    },
    { url: sameHost, description: "The host that served this document." },
    {
      url: "{scheme}://{realm_id}.{host}",
      description: "One realm.",
      variables: {
        scheme,
        realm_id: { default: "0".repeat(24), description: "The realm: 24 lower-case hex digits." },
        host,
      },
    },
  ];
}

const error: JsonObject = {
  type: "object",
  description: "An error.",
  properties: {
    statusCode: { type: "integer", description: "The HTTP status." },
    error: { type: "string", description: "The reason phrase of the status, or the code." },
    message: { type: "string", description: "Human-readable." },
    code: { type: "string", description: "Machine-readable." },
    data: {
      description: "The violations of an invalid request, or the metadata of the error by name.",
      anyOf: [
        {
          type: "array",
          items: {
            type: "object",
            properties: {
              instancePath: {
                type: "string",
                description: "JSON pointer to the field (RFC 6901).",
              },
              message: {
                type: "string",
                description: "The problem, as the rest of a sentence that starts with the field.",
              },
            },
            required: ["instancePath", "message"],
          },
        },
        { type: "object", additionalProperties: { type: "string" } },
      ],
    },
  },
  required: ["statusCode", "error", "message", "code"],
};

const parameters: JsonObject = {
  realm_id: {
    name: "realm_id",
    in: "query",
    description:
      "Limits the call to resources in this realm, in addition to the realm of the host.",
    schema: realmId,
  },
  "If-Match": {
    name: "If-Match",
    in: "header",
    required: true,
    description: "The version that the writer saw, bare or in quotes.",
    schema: { type: "string", examples: ["file:v0"] },
  },
};

const headers: JsonObject = {
  ETag: {
    description: "The version of the returned document, in quotes.",
    schema: { type: "string", examples: ['"file:v1"'] },
  },
  "X-Realmgate-Revision": {
    description:
      "On writes that the gate must apply: an opaque revision that the operators' /readyz can wait for.",
    schema: { type: "string" },
  },
  "X-Request-Id": {
    description: "Identifies the call in the log.",
    schema: { type: "string" },
  },
  "Retry-After": {
    description: "Seconds until a retry may succeed.",
    schema: { type: "integer", minimum: 0 },
  },
};

const securitySchemes: JsonObject = {
  bearer: {
    type: "http",
    scheme: "bearer",
    description:
      "The access token of a login, or an auth token (`hdy_…`). Every call that takes it also takes `basic`, and those that take an auth token also take `token`.",
  },
  basic: {
    type: "http",
    scheme: "basic",
    description: "User name or e-mail address and password, or an auth token as either half.",
  },
  token: {
    type: "apiKey",
    in: "header",
    name: "Authorization",
    description: "An auth token alone.",
  },
};
