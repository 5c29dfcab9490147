import { z } from 'zod';

type Definition = Readonly<Record<string, unknown>>;

/** Schemas that a reference names. */
export interface NamedSchemas {
  readonly registry: z.core.$ZodRegistry<{ readonly id: string }>;
  /** Schemas that zod cannot describe, for they are code, by the name of what describes them. */
  readonly written: ReadonlyMap<z.core.$ZodType, string>;
  readonly definitions: Readonly<Record<string, Definition>>;
}

/** Turns schemas into JSON Schema (draft 2020-12), the named ones into references. */
export class Components {
  readonly #named: NamedSchemas;
  readonly schemas: Record<string, unknown>;

  constructor(named: NamedSchemas) {
    this.#named = named;
    this.schemas = { ...named.definitions };
  }

  of(schema: z.ZodType, io: 'input' | 'output'): unknown {
    const { $schema: _, id, $defs = {}, ...whole } = this.#jsonSchemaOf(schema, io);
    for (const [name, { id: _id, ...definition }] of Object.entries($defs as Record<string, Record<string, unknown>>)) {
      this.schemas[name] = asComponent(definition);
    }
    if (typeof id !== 'string') return asComponent(whole);
    this.schemas[id] = asComponent(whole);
    return { $ref: `#/components/schemas/${id}` };
  }

  #jsonSchemaOf(schema: z.ZodType, io: 'input' | 'output'): Record<string, unknown> {
    const { registry, written } = this.#named;
    return z.toJSONSchema(schema, {
      ...{ io, metadata: registry, unrepresentable: 'any', target: 'draft-2020-12' },
      override: ({ zodSchema, jsonSchema }) => {
        const name = written.get(zodSchema);
        if (name !== undefined) jsonSchema.$ref = `#/components/schemas/${name}`;
      },
    }) as Record<string, unknown>;
  }
}

function asComponent(schema: unknown): unknown {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/'));
}
