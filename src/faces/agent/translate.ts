import type { z } from 'zod';
import type { ContainerStatus, LogFile } from '../../engine/facade.ts';
import type { LogSource } from '../../io/log-reader.ts';
import type { Architecture } from '../../linux/seccomp/architecture.ts';
import { describeFilter, type FilterRule } from '../../linux/seccomp/describe-filter.ts';
import type { ContainerConfig, ExecConfig } from '../../model/container-config.ts';
import type { ContainerUid } from '../../model/container-id.ts';
import { completeConfig, completeExecConfig } from '../../model/container-request.ts';
import type { Termination } from '../../model/exit-status.ts';
import type { Image } from '../../model/image-config.ts';
import type { LaunchPlan } from '../../model/launch-plan.ts';
import type { SecretValues } from '../../model/volume.ts';
import type { containerSchema, execSchema, launchSchema } from './schemas.ts';

/** @throws {EngineError} `container-request.*`, `container-id.malformedName` (invalid-argument) */
export function configOf({ secrets: _, credential: __, ...body }: z.output<typeof launchSchema>): ContainerConfig {
  return completeConfig(body);
}

/** The secrets of a launch, which are no part of its config. */
export function secretsOf({ secrets = {} }: Pick<z.output<typeof containerSchema>, 'secrets'>): SecretValues {
  return new Map(Object.entries(secrets).map(([name, value]) => [name, Buffer.from(value, 'base64')]));
}

/** @throws {EngineError} `container-request.*`, `text.*`, `user.*` (invalid-argument) */
export function execConfigOf(body: z.output<typeof execSchema>, container: ContainerUid): ExecConfig {
  return completeExecConfig(container, body);
}

/** A container as JSON clients see it; times are milliseconds since 1970, missing ones are null. */
export function containerJson(status: ContainerStatus): Readonly<Record<string, unknown>> {
  return {
    uid: status.uid,
    name: status.config.name,
    path: status.path,
    parent: status.parent ?? null,
    depth: status.depth,
    children: status.children,
    state: status.state,
    createdAtMs: status.createdAtMs,
    startedAtMs: status.startedAtMs ?? null,
    pid: status.pid ?? null,
    imageId: status.imageId ?? null,
    backend: status.backend ?? null,
    command: status.command,
    isolators: status.isolators,
    volumes: status.volumes,
    disk: status.disk ?? null,
    limitations: status.limitations,
    termination: status.termination === undefined ? null : terminationJson(status.termination),
    restart: { ...status.restart, nextAttemptAtMs: status.restart.nextAttemptAtMs ?? null },
    health: status.health === undefined ? null : probedJson(status.health),
    readiness: status.readiness === undefined ? null : probedJson(status.readiness),
    sandboxDir: status.sandboxDir,
    logDir: status.logDir,
    inheritedLabels: status.inheritedLabels ?? [],
    config: status.config,
  };
}

function probedJson({ probes, ...found }: Pick<NonNullable<ContainerStatus['health']>, 'probes'>): object {
  return { ...found, probes: probes.map((one) => ({ ...one, exitCode: one.exitCode ?? null })) };
}

/** The end of a container as JSON clients see it. */
export function terminationJson(termination: Termination): Readonly<Record<string, unknown>> {
  return { ...termination, startedAtMs: termination.startedAtMs ?? null };
}

/** An image as JSON clients see it. */
export function imageJson(image: Image): Readonly<Record<string, unknown>> {
  return {
    id: image.id,
    manifestDigest: image.manifestDigest,
    references: image.references,
    manifestDigests: image.manifestDigests,
    sizeBytes: image.sizeBytes,
    createdAt: image.createdAt ?? null,
    platform: `${image.os}/${image.architecture}`,
    layers: image.chainIds,
    config: image.config,
  };
}

/** A plan, and what its filter of system calls does, which nobody reads from a program in base64. */
export function explanationOf(plan: LaunchPlan): LaunchPlan & { readonly seccompRules: readonly FilterRule[] } {
  const { seccomp } = plan;
  const architecture = seccomp?.architectures[0] as Architecture | undefined;
  const rules = architecture === undefined ? [] : describeFilter(seccomp?.program ?? '', architecture);
  return { ...plan, seccompRules: rules };
}

/** Where the reader of logs finds the files that the engine names. */
export function logSourcesOf(files: readonly LogFile[]): readonly LogSource[] {
  return files.flatMap(({ format, stream, paths }) => {
    const path = paths[0];
    return path === undefined ? [] : [{ format, stream, path }];
  });
}
