import { describe, expect, test } from "bun:test";
import {
  create,
  createFileRegistry,
  type DescService,
  type MessageInitShape,
  setExtension,
} from "@bufbuild/protobuf";
import {
  type FieldDescriptorProtoSchema,
  FileDescriptorProtoSchema,
  file_google_protobuf_field_mask,
  FieldDescriptorProto_Label as Label,
  MethodOptionsSchema,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";
import { http } from "../../../proto/gen/google/api/annotations_pb.ts";
import { HttpRuleSchema } from "../../../proto/gen/google/api/http_pb.ts";
import { AnswerSchema, answer } from "../../../proto/gen/realmgate/v1/options_pb.ts";
import { type Binding, bindingsOf } from "../../../src/gateway-rest/routing/http-rule.ts";
import { allServices } from "../../harness/rest-services.ts";

interface Given {
  /** How a success is spelled. */
  readonly answer?: MessageInitShape<typeof AnswerSchema>;
  /** Fields that Request has besides. */
  readonly fields?: MessageInitShape<typeof FieldDescriptorProtoSchema>[];
  /** Fields that Part, the answer, has besides. */
  readonly answerFields?: MessageInitShape<typeof FieldDescriptorProtoSchema>[];
}

/** A service with one method `Do(Request)`, bound by this rule. Request: id, part { id }, names, labels. */
function serviceWith(
  rule: MessageInitShape<typeof HttpRuleSchema>,
  given: Given = {},
): DescService {
  const options = create(MethodOptionsSchema);
  setExtension(options, http, create(HttpRuleSchema, rule));
  if (given.answer !== undefined) {
    setExtension(options, answer, create(AnswerSchema, given.answer));
  }
  const file = create(FileDescriptorProtoSchema, {
    name: "test.proto",
    package: "test",
    syntax: "proto3",
    dependency: ["google/protobuf/field_mask.proto"],
    enumType: [{ name: "Kind", value: [{ name: "KIND_UNSPECIFIED", number: 0 }] }],
    messageType: [
      {
        name: "Request",
        field: [
          { name: "id", number: 1, type: Type.STRING, label: Label.OPTIONAL },
          {
            name: "part",
            number: 2,
            type: Type.MESSAGE,
            label: Label.OPTIONAL,
            typeName: ".test.Part",
          },
          { name: "names", number: 3, type: Type.STRING, label: Label.REPEATED },
          {
            name: "parts",
            number: 4,
            type: Type.MESSAGE,
            label: Label.REPEATED,
            typeName: ".test.Part",
          },
          ...(given.fields ?? []),
        ],
      },
      {
        name: "Part",
        field: [
          { name: "id", number: 1, type: Type.STRING, label: Label.OPTIONAL },
          ...(given.answerFields ?? []),
        ],
      },
    ],
    service: [
      {
        name: "Service",
        method: [{ name: "Do", inputType: ".test.Request", outputType: ".test.Part", options }],
      },
    ],
  });
  const service = createFileRegistry(file, (name) =>
    name === file_google_protobuf_field_mask.proto.name
      ? file_google_protobuf_field_mask
      : undefined,
  ).getService("test.Service");
  if (service === undefined) throw new Error("the service was not built");
  return service;
}

const shown = ({ verb, segments, body, query, status }: Binding) => ({
  verb,
  path: segments.map((each) => (each.kind === "literal" ? each.text : `{${each.field}}`)).join("/"),
  body: typeof body === "object" && body !== null ? body.name : body,
  query: [...query.keys()],
  status,
});

describe("a rule becomes a binding", () => {
  test.each([
    [
      "the query has what is left and can be written as text",
      { pattern: { case: "get", value: "/a/{id}" } },
      { verb: "GET", path: "a/{id}", body: null, query: ["names"], status: 200 },
    ],
    [
      "a body of everything leaves nothing to the query",
      { pattern: { case: "post", value: "/a" }, body: "*" },
      { verb: "POST", path: "a", body: "message", query: [], status: 200 },
    ],
    [
      "a body of one field",
      { pattern: { case: "patch", value: "/a" }, body: "part" },
      { verb: "PATCH", path: "a", body: "part", query: ["id", "names"], status: 200 },
    ],
  ] as const)("%s", (_why, rule, binding) => {
    const expected = { ...binding, query: [...binding.query] };
    expect(bindingsOf([serviceWith(rule)]).map(shown)).toEqual([expected]);
  });

  test("further bindings are bindings of their own", () => {
    const service = serviceWith({
      pattern: { case: "patch", value: "/a" },
      body: "*",
      additionalBindings: [{ pattern: { case: "put", value: "/b" } }],
    });
    const bindings = bindingsOf([service]).map(shown);
    expect(bindings.map(({ verb, path, body }) => [verb, path, body])).toEqual([
      ["PATCH", "a", "message"],
      ["PUT", "b", null],
    ]);
  });

  test("a method without a rule has none", () => {
    expect(bindingsOf([serviceWith({})])).toEqual([]);
  });
});

const mask = {
  name: "update_mask",
  number: 9,
  type: Type.MESSAGE,
  label: Label.OPTIONAL,
  typeName: ".google.protobuf.FieldMask",
};

describe("an update mask", () => {
  const put = { case: "put", value: "/a/{id}" } as const;

  test.each([
    [
      "of a message that is the body is filled by us",
      { pattern: put, body: "*" },
      mask,
      "update_mask",
    ],
    ["of a message that is not is nobody's", { pattern: put, body: "part" }, mask, undefined],
    ["is a FieldMask", { pattern: put, body: "*" }, { ...mask, typeName: ".test.Part" }, undefined],
  ])("%s", (_why, rule, field, name) => {
    const [binding] = bindingsOf([serviceWith(rule, { fields: [field] })]);
    expect(binding?.updateMask?.name).toBe(name as string);
    expect([...(binding?.query.keys() ?? [])]).not.toContain("update_mask");
  });
});

test("the realm filter is never of the message, even where that has such a field", () => {
  const realmId = { name: "realm_id", number: 9, type: Type.STRING, label: Label.OPTIONAL };
  const service = serviceWith({ pattern: { case: "get", value: "/a" } }, { fields: [realmId] });
  expect(bindingsOf([service]).map(shown)).toMatchObject([{ query: ["id", "names"] }]);
});

describe("an answer's data", () => {
  const get = { pattern: { case: "get", value: "/a" } } as const;
  const siblings = [{ name: "count", number: 2, type: Type.INT32, label: Label.OPTIONAL }];
  const dataOf = (rule: MessageInitShape<typeof HttpRuleSchema>, given?: Given) => {
    const data = bindingsOf([serviceWith(rule, given)])[0]?.data;
    return typeof data === "object" && data !== null ? data.name : data;
  };

  test("is the message, one field of it, or left out", () => {
    expect(dataOf(get)).toBe("message");
    expect(dataOf({ ...get, responseBody: "id" }, { answerFields: siblings })).toBe("id");
    expect(dataOf(get, { answer: { withoutData: true } })).toBeNull();
  });

  test("is of the binding that says so, and of no other", () => {
    const other = { pattern: { case: "get", value: "/b" } } as const;
    const rule = { ...get, responseBody: "id", additionalBindings: [other] };
    const shapes = bindingsOf([serviceWith(rule)]).map(({ data }) => typeof data);
    expect(shapes).toEqual(["object", "string"]);
  });

  test("is a field, and its siblings have names of their own", () => {
    expect(() => dataOf({ ...get, responseBody: "no" })).toThrow("no is not a field of the answer");
    const clash = [{ ...siblings[0], name: "statusCode" }];
    expect(() => dataOf({ ...get, responseBody: "id" }, { answerFields: clash })).toThrow(
      "statusCode is a name of the envelope",
    );
  });
});

test("errors are spelled by status", () => {
  const errors = [{ status: 401, error: "UNAUTHORIZED" }];
  const rule = { pattern: { case: "get", value: "/a" } } as const;
  const [binding] = bindingsOf([serviceWith(rule, { answer: { errors } })]);
  expect([...(binding?.errors ?? [])]).toEqual([[401, "UNAUTHORIZED"]]);
});

describe("a field that bodies cannot be checked for stops the start", () => {
  test.each([
    ["an enum", { type: Type.ENUM, typeName: ".test.Kind" }],
    ["a 64-bit number", { type: Type.INT64 }],
    ["a double", { type: Type.DOUBLE }],
    ["bytes", { type: Type.BYTES }],
  ])("%s", (_why, kind) => {
    const field = { name: "odd", number: 9, label: Label.OPTIONAL, ...kind };
    const service = serviceWith({ pattern: { case: "get", value: "/a" } }, { fields: [field] });
    expect(() => bindingsOf([service])).toThrow(
      "test.Request.odd has a type that REST does not support",
    );
  });
});

describe("a rule that REST cannot carry stops the start", () => {
  test.each([
    [
      "a variable that is not a field",
      { pattern: { case: "get", value: "/{no}" } },
      "{no} is not a field",
    ],
    [
      "a message in the path",
      { pattern: { case: "get", value: "/{part}" } },
      "{part} is not a scalar",
    ],
    [
      "a list in the path",
      { pattern: { case: "get", value: "/{names}" } },
      "{names} is not a scalar",
    ],
    ["a variable twice", { pattern: { case: "get", value: "/{id}/{id}" } }, "{id} is not a field"],
    [
      "a body that is not a field",
      { pattern: { case: "put", value: "/a" }, body: "no" },
      "no is not a message",
    ],
    [
      "a scalar as the body",
      { pattern: { case: "put", value: "/a" }, body: "id" },
      "id is not a message",
    ],
    [
      "a list as the body",
      { pattern: { case: "put", value: "/a" }, body: "parts" },
      "parts is not a message",
    ],
    ["a path outside the grammar", { pattern: { case: "get", value: "/a/*" } }, "/a/*"],
    [
      "a verb of its own",
      { pattern: { case: "custom", value: { kind: "LINK", path: "/a" } } },
      "custom verbs",
    ],
  ] as const)("%s", (_why, rule, message) => {
    expect(() => bindingsOf([serviceWith(rule)])).toThrow(message);
  });
});

describe("the services' own bindings", () => {
  const bindings = bindingsOf(allServices);

  test("are all below /api/v1, and each answer has a text", () => {
    for (const binding of bindings) {
      expect(shown(binding).path).toStartWith("api/v1/");
      expect(binding.message).not.toBe("");
    }
  });

  test("PATCH and PUT go together on every permission route", () => {
    const routes = (verb: string) =>
      bindings
        .filter((binding) => binding.verb === verb)
        .map((binding) => `${shown(binding).path} ${shown(binding).body} ${binding.method.name}`);
    expect(routes("PUT")).toEqual(routes("PATCH"));
    expect(routes("PUT")).not.toBeEmpty();
  });

  test("what is made answers 201, all else 200", () => {
    const made = bindings.filter(({ status }) => status === 201);
    expect(made.map(({ method }) => method.name).toSorted()).toEqual([
      "AddMember",
      "CopyToken",
      "CreateAlias",
      "CreateContainer",
      "CreateHook",
      "CreateNode",
      "CreateProject",
      "CreateRealm",
      "CreateToken",
      "CreateUser",
    ]);
    expect(new Set(bindings.map(({ status }) => status))).toEqual(new Set([200, 201]));
  });

  test("every message with an update mask has it filled by each of its routes", () => {
    const masks = bindings.map(({ method, updateMask }) => [
      method.name,
      method.input.fields.find(({ name }) => name === "update_mask") === (updateMask ?? undefined),
    ]);
    expect(masks.filter(([, filled]) => !filled)).toEqual([]);
    expect(bindings.filter(({ updateMask }) => updateMask !== null)).not.toBeEmpty();
  });
});
