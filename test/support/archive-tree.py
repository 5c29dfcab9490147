"""Tells what a tar archive holds as JSON, by path: all that a tree is, but for the times of directories."""
import hashlib, json, sys, tarfile

def digest(archive, member):
    content = archive.extractfile(member)
    found = hashlib.sha256()
    while chunk := content.read(1 << 20):
        found.update(chunk)
    return found.hexdigest()

names, rows, first = {}, {}, {}
with tarfile.open(sys.argv[1]) as archive:
    for member in archive:
        name = member.name.strip('/')
        if member.islnk():
            first[name] = first.get(member.linkname.strip('/'), member.linkname.strip('/'))
            continue
        first[name] = name
        attributes = {k: v for k, v in member.pax_headers.items() if k.startswith('SCHILY.xattr.')}
        kind = 'd' if member.isdir() else 'l' if member.issym() else 'f' if member.isreg() else member.type.decode()
        # Some archivers write the type into the mode, too.
        rows[name] = [kind, oct(member.mode & 0o7777), member.uid, member.gid, member.linkname, attributes]
        if kind == 'f':
            rows[name] += [member.size, digest(archive, member)]
        if kind in '34':
            rows[name] += [member.devmajor, member.devminor]
        if kind != 'd':
            rows[name] += [float(member.mtime)]
groups = {}
for name, of in first.items():
    groups.setdefault(of, []).append(name)
tree = {}
for of, group in groups.items():
    for name in group:
        tree[name] = rows[of] + [sorted(group)]
print(json.dumps(tree))
