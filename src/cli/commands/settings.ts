// A container's kill switch and default, and the names in its document.

import type { Command } from "../execution/command.ts";
import type { Argument } from "../flags/flag.ts";
import { fieldAt } from "../output/cell.ts";
import { previewText } from "../output/preview-text.ts";
import { recordText } from "../output/render.ts";
import type { Show } from "../output/show.ts";
import { containerId, ifMatch, oneContainer, policy, validateOnly, wait } from "./flags.ts";

const settings: Show = {
  as: "text",
  id: "etag",
  text: (data, options) => {
    const preview = fieldAt(data, "preview");
    return preview === undefined
      ? recordText(data, undefined, options)
      : previewText(preview, options);
  },
};

const service: Argument = { name: "service", about: "the program: terminal, http, …" };

export const settingsCommands: readonly Command[] = [
  {
    words: "containers proxy settings get",
    about: "kill switch and default of a container",
    example: "containers proxy settings get 890abcdef12345678901cdef",
    args: [containerId],
    call: {
      method: "GET",
      path: "/containers/{id}/proxy/settings",
      show: settings,
    },
  },
  {
    words: "containers proxy settings update",
    about: "change the kill switch, the default, or both",
    example:
      "containers proxy settings update 890abcdef12345678901cdef --if-match latest --no-enable-proxy",
    args: [containerId],
    flags: {
      "if-match": ifMatch,
      "validate-only": validateOnly,
      wait,
      "enable-proxy": { kind: "boolean", about: "on; --no-enable-proxy: nothing is reachable" },
      default: policy,
    },
    call: {
      method: "PATCH",
      path: "/containers/{id}/proxy/settings",
      versioned: true,
      show: settings,
    },
  },
  {
    words: "containers proxy discovery groups list",
    about: "groups in a container's document",
    example: "containers proxy discovery groups list 890abcdef12345678901cdef",
    args: [containerId],
    call: {
      method: "GET",
      path: "/containers/{id}/proxy/groups",
      show: { as: "list", items: "groups", columns: ["name", "auth_rule_count"], id: "name" },
    },
  },
  {
    words: "containers proxy discovery services list",
    about: "programs in a container's document",
    example: "containers proxy discovery services list 890abcdef12345678901cdef",
    args: [containerId],
    call: {
      method: "GET",
      path: "/containers/{id}/proxy/services",
      show: { as: "list", items: "services", columns: ["service"] },
    },
  },
  {
    words: "containers proxy discovery services get",
    about: "permissions of a program in a container's document",
    example: "containers proxy discovery services get 890abcdef12345678901cdef terminal",
    args: [oneContainer, service],
    call: {
      method: "GET",
      path: "/containers/{id}/proxy/services/{service}",
      show: { as: "record", id: "service" },
    },
  },
];
