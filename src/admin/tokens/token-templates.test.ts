import { describe, expect, test } from "bun:test";
import { getOption } from "@bufbuild/protobuf";
import { rule } from "../../../proto/gen/realmgate/v1/options_pb.ts";
import { CreateTokenRequestSchema } from "../../../proto/gen/realmgate/v1/tokens_pb.ts";
import { allPermissions } from "../auth/permissions.ts";
import { defaultPermissions, tokenTemplates } from "./token-templates.ts";

/** The documented table: full_access, external_customer, dev_team, finance_team, read_only. */
const table: Readonly<Record<string, string>> = {
  "containers.create": "YYY--",
  "containers.read": "YYY-Y",
  "containers.update": "YYY--",
  "containers.delete": "YYY--",
  "containers.actions.start": "YYY--",
  "containers.actions.stop": "YYY--",
  "containers.actions.restart": "YYY--",
  "containers.actions.exec": "YYY--",
  "containers.actions.logs": "YYY-Y",
  "containers.features.ai": "Y-Y--",
  "containers.features.hoody_kit": "YYY--",
  "containers.features.snapshots": "YYY--",
  "containers.features.networking": "YYY--",
  "containers.features.kvm": "Y-Y--",
  "projects.create": "Y-Y--",
  "projects.read": "YYYYY",
  "projects.update": "Y-Y--",
  "projects.delete": "Y----",
  "projects.members.invite": "Y----",
  "projects.members.remove": "Y----",
  "projects.members.change_roles": "Y----",
  "financial.wallet.read": "Y--Y-",
  "financial.wallet.transfer": "Y--Y-",
  "financial.wallet.withdraw": "Y--Y-",
  "financial.billing.read": "Y--Y-",
  "financial.billing.manage_payment_methods": "Y--Y-",
  "financial.billing.download_invoices": "Y--Y-",
  "financial.server_rental.view_marketplace": "Y--Y-",
  "financial.server_rental.rent_servers": "Y--Y-",
  "financial.server_rental.extend_rentals": "Y--Y-",
  "financial.server_rental.terminate_rentals": "Y--Y-",
  "financial.subscriptions.purchase": "Y--Y-",
  "resources.vault": "Y-Y--",
  "resources.events": "YYY-Y",
  "resources.ssh_keys": "YYY--",
  "resources.storage_shares": "YYY--",
  "resources.proxy_aliases": "YYY--",
  "resources.firewalls": "YYY--",
  "resources.realms": "YYY-Y",
  "resources.auth_token_public_profile": "YYY--",
  "resources.create_tokens": "Y----",
  "resources.read_account": "Y--Y-",
  "admin.users": "-----",
  "admin.servers": "-----",
  "admin.system": "-----",
  "admin.billing": "-----",
  "admin.monitoring": "-----",
};

describe("templates", () => {
  test("are the documented ones, in their order", () => {
    const names = tokenTemplates.map(({ name }) => name);
    const { permissionTemplate } = CreateTokenRequestSchema.field;
    expect(names).toEqual(getOption(permissionTemplate, rule).oneOf);
  });

  test("allow what the table says, permission by permission", () => {
    const allowed = Object.fromEntries(
      [...allPermissions].map((permission) => [
        permission,
        tokenTemplates.map(({ permissions }) => (permissions.has(permission) ? "Y" : "-")).join(""),
      ]),
    );
    expect(allowed).toEqual({ ...table });
  });

  test("a token without a template has full access except creating tokens", () => {
    const full = tokenTemplates[0]?.permissions ?? new Set();
    expect(new Set([...defaultPermissions, "resources.create_tokens"])).toEqual(new Set(full));
    expect(defaultPermissions.has("resources.create_tokens")).toBeFalse();
  });
});
