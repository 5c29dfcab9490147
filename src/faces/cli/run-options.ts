import { type Command, Option } from 'commander';
import { DISK_ENFORCEMENTS } from '../../model/disk-quota.ts';
import { addBackendOption } from './backend-options.ts';
import { addHealthOptions } from './health-options.ts';
import { addNamespaceOptions } from './namespace-options.ts';
import { addProcessOptions } from './process-options.ts';
import { addResourceOptions } from './resource-options.ts';
import { addRightsOptions } from './rights-options.ts';
import { repeatable } from './runner.ts';

export const DEFAULT_DETACH_KEYS = 'ctrl-p,ctrl-q';

const DISK_ENFORCEMENT_HELP = 'what keeps it, in place of what keeps it best here; observe: it is only counted';

/** Options that say what a container is; `run` and `explain` share them. */
export function addContainerOptions(command: Command): Command {
  const general = addBackendOption(
    addFetchOptions(addLogOptions(addStopOptions(addGeneralOptions(command)))).option(
      '--read-only',
      'a read-only root file system',
    ),
    'container',
  );
  return addNamespaceOptions(addRightsOptions(addProcessOptions(addResourceOptions(addHealthOptions(general)))));
}

function addStopOptions(command: Command): Command {
  return command
    .option('--stop-signal <signal>', 'what a stop sends first, in place of what its image says: TERM, RTMIN+3, 15')
    .option('--stop-timeout <seconds>', 'how long a stop waits before it kills, unless told otherwise: 10');
}

function addLogOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--log-format <format>', 'cri: lines with times (the default); raw: files stdout and stderr').choices([
        'cri',
        'raw',
      ]),
    )
    .option('--log-max-size <bytes>', 'a log file is rotated at this size: 16m unless given')
    .option('--log-max-files <count>', 'log files kept, the current one included: 2 unless given');
}

function addGeneralOptions(command: Command): Command {
  return command
    .option('--name <name>', 'a name for the container; one is made up otherwise')
    .option('--parent <container>', 'the container that it lives in, and ends with: a name, uid or path')
    .option('--share-cgroups', 'with --parent: its limits and accounts are those of the parent, too')
    .option('-l, --label <key=value>', 'a label; may be repeated', repeatable)
    .option('-e, --env <name=value>', 'a variable, or a NAME to pass on; may be repeated', repeatable)
    .option('--env-file <file>', 'variables from a file, one a line; may be repeated', repeatable)
    .option('-w, --workdir <dir>', 'working directory')
    .option('-u, --user <user[:group]>', 'who runs the command: names or numbers')
    .option('--hostname <name>', 'host name in the container')
    .option('--entrypoint <program>', "replaces the image's entrypoint; an empty one clears it")
    .option('-v, --volume <source:path[:opts]>', 'shows a host path or a named volume; may be repeated', repeatable)
    .option(
      '--mount <fields>',
      'type=bind|volume|tmpfs|image|secret|sandbox,source=,target=; may be repeated',
      repeatable,
    )
    .option('--disk <bytes>', 'limit of what is kept on disk: layer, logs, own volumes; 10g')
    .addOption(new Option('--disk-enforcement <by>', DISK_ENFORCEMENT_HELP).choices(DISK_ENFORCEMENTS))
    .option('--storage-opt <size=bytes>', 'size=10g: the same as --disk 10g', repeatable)
    .option('--tmpfs <path[:opts]>', 'a file system in memory; may be repeated', repeatable)
    .option('--volumes-from <container[:ro]>', 'the volumes of another container; may be repeated', repeatable)
    .option(
      '--secret <name[,fields]>',
      'a secret as a file, or with type=env as a variable; may be repeated',
      repeatable,
    )
    .option('--device <host[:container][:rwm]>', 'a device of the host; may be repeated', repeatable)
    .option(
      '--device-cgroup-rule <rule>',
      'what it may do with other devices: "c 10:200 rwm"; may be repeated',
      repeatable,
    )
    .option(
      '--network <mode>',
      'none: loopback only (the default until networks land); host: the network of the host; container:ID: that of another',
    )
    .option('--isolation <names>', 'isolators to use, joined by commas, "" for none; all that apply otherwise')
    .option('--rootfs <dir>', 'a directory as root file system, in place of an image')
    .option('--no-image', "no image: the host's own file system")
    .option('--restart <policy>', 'start it again when it has ended: no, on-failure[:MAXIMUM], unless-stopped, always')
    .option('--init', 'a reaper as the first process, the command as its child')
    .option('-i, --interactive', 'send our input to the command')
    .option('-t, --tty', 'give the command a terminal')
    .option('--rm', 'forget the container when it has ended');
}

/** What is fetched for it. */
function addFetchOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--pull <when>', 'when to fetch the image').choices(['missing', 'always', 'never']).default('missing'),
    )
    .option('--require-signature', 'fetch the image, and only with a signature by one whom the trust policy names')
    .option(
      '--fetch <uri[,fields]>',
      'a file or archive to begin with, in the working directory; may be repeated',
      repeatable,
    );
}
