// SPDX-License-Identifier: GPL-2.0-only
// Copyright (C) 2026 the dma-fence rework project
//
// Functions that fences call, and what they do that such a function should not; and
// who signals fences under their lock. Reports only.
//
//	spatch --very-quiet --no-includes -D report \
//		--sp-file dma-fence-callback.cocci FILE...
//
// or tools/dma-fence/callbacks, which finds the files and makes a table of it.
//
// A function is followed into those that it calls in the same file, or in another of
// those that are given. What it calls is told by the name: a put may not be the last
// one, a lock may be a harmless one. -D unknown names the functions that are defined
// in none of these files, and of which the name says nothing. To be run for one file
// at a time, with those that it calls: spatch loses matches when there are many. A lock counts as held from the call that takes it to one that
// drops it further down, or to the end of its block or function, in the order of
// the lines; or where it is asserted.
//
// Confidence: moderate; every hit wants a look
// Requires: spatch with Python

virtual report, unknown

@initialize:python@
@@

import collections
import re

KINDS = [(kind, re.compile(rf"(?:{names})\Z")) for kind, names in (
    ("sleeps", r"mutex_lock\w*|ww_mutex_lock\w*|down(_read|_write|_interruptible)?|"
               r"[mfs]sleep\w*|usleep_range\w*|schedule(_timeout\w*)?|io_schedule\w*|"
               r"wait_event\w*|wait_for_completion\w*|wait_on_bit\w*|might_sleep\w*|"
               r"dma_fence_wait\w*|dma_fence_default_wait|dma_resv_(lock|wait)\w*|"
               r"drm_modeset_lock\w*|flush_(work|workqueue|delayed_work)|"
               r"(cancel|disable)_(delayed_)?work_sync|synchronize_\w+|rcu_barrier|"
               r"hrtimer_cancel|(timer_delete|timer_shutdown|del_timer)_sync|"
               r"kthread_(stop|cancel_work_sync|flush_work\w*)|"
               r"pm_runtime_(get_sync|put_sync\w*|resume_and_get)|"
               r"copy_(from|to)_user|(get|put)_user|mmput"),
    ("allocates", r"k[mzc]alloc\w*|kvm?[mzc]?alloc\w*|kv[mzc]alloc\w*|krealloc\w*|"
                  r"v[mz]alloc\w*|kmem_cache_z?alloc\w*|kmemdup\w*|kstrn?dup\w*|"
                  r"kasprintf|alloc_pages?\w*|devm_k\w+alloc\w*|dma_alloc_\w+|"
                  r"xa_(store|alloc|insert)\w*|idr_alloc\w*"),
    ("frees", r"k[vz]?free(_rcu|_sensitive)?|vfree|kmem_cache_free"),
    ("puts", r"\w+_put(_\w+)?|fput|mmdrop|\w+_(unref|unreference)"),
    ("signals", r"dma_fence_((check_and_)?signal\w*|is_signaled\w*)|"
                r"drm_send_event\w*|drm_crtc_send_vblank_event|"
                r"drm_sched_fence_(scheduled|finished)"),
    ("locks", r"(raw_)?(spin|read|write)_(try)?lock(?!_init|dep)\w*|local_lock\w*|"
              r"xa_lock\w*|dma_fence_lock_irqsave|guard:\w*(spin|read_?lock|write_?lock)\w*"),
    ("queues", r"schedule_(delayed_)?work\w*|(queue|mod)_(delayed_)?work\w*|"
               r"kthread_queue_\w+|irq_work_queue\w*|tasklet_(hi_)?schedule"),
    ("wakes", r"__?wake_up\w*|wake_up\w*|complete(_all)?|eventfd_signal\w*|swake_up\w*"),
)]

LOCKED = re.compile(r"dma_fence_(signal|signal_timestamp|check_and_signal|"
                    r"is_signaled|get_status)_locked\Z")
TAKES = re.compile(r"(?:raw_)?(?:spin|write|read)_lock(?:_\w+)?\Z|xa_lock\w*\Z|"
                   r"dma_fence_lock_irqsave\Z|guard:")
DROPS = re.compile(r"(?:raw_)?(?:spin|write|read)_unlock(?:_\w+)?\Z|xa_unlock\w*\Z|"
                   r"dma_fence_unlock_irqrestore\Z")
ASSERTS = re.compile(r"(?:lockdep_assert_held\w*|dma_fence_assert_held|"
                     r"assert_spin_locked)\Z")

Call = collections.namedtuple("Call", "line name args end")
calls = collections.defaultdict(list)	# (file, function) -> its calls
defined = set()				# (file, function)
assigned = collections.defaultdict(set)	# (file, function, variable) -> names
done = set()				# facts, of which a macro may give several
tell_unknown = False

def words(text):
    """A list of arguments as one would write it."""
    text = re.sub(r"\s*(->|\.|\(|\[)\s*", r"\1", str(text))
    text = re.sub(r"\s+([])])", r"\1", text)
    return re.sub(r"([&*])\s+(?=\w)", r"\1", text)

def arguments(text):
    parts, depth = [""], 0
    for char in words(text):
        depth += (char in "([{") - (char in ")]}")
        if char == "," and not depth:
            parts.append("")
        else:
            parts[-1] += char
    return [p.strip() for p in parts]

def note(p, name, args, end=0):
    fact = (p.file, p.line, p.column, name)
    if fact not in done:
        done.add(fact)
        calls[p.file, p.current_element].append(
            Call(int(p.line), name, arguments(args), int(end)))

def kind_of(call):
    for kind, names in KINDS:
        if names.match(call.name):
            yield kind
            if kind == "allocates" and \
               any(re.search(r"\bGFP_(KERNEL|USER|NOFS|NOIO)", a) for a in call.args):
                yield "sleeps"
            return
    if re.match(r"k[mz]alloc_objs?\Z|kv[mz]alloc_objs?\Z", call.name):
        yield "allocates"

def definition_of(file, name):
    """The file that defines what @file calls @name, or None."""
    if (file, name) in defined:
        return file
    return min((f for f, n in defined if n == name), default=None)

def follow(file, function):
    """Each call that @function leads to, and in which function of which file."""
    seen, todo = {(file, function)}, [(file, function)]
    for current in todo:
        for call in calls[current]:
            other = definition_of(current[0], call.name)
            yield call, current, other
            if other and (other, call.name) not in seen:
                seen.add((other, call.name))
                todo.append((other, call.name))

def findings(file, function):
    """(kind, name, file, line, in which other function), sorted."""
    found = {}
    for call, current, _ in follow(file, function):
        for kind in kind_of(call):
            found.setdefault((kind, call.name), (current[0], call.line,
                             current[1] if current[1] != function else ""))
    order = [k for k, _ in KINDS]
    return sorted(((k, n, *w) for (k, n), w in found.items()),
                  key=lambda f: (order.index(f[0]), f[1]))

def unknown_to(file, function):
    return sorted({c.name for c, _, other in follow(file, function)
                   if not other and not any(kind_of(c)) and ":" not in c.name})

def functions_of(file, function, arg):
    """What the last argument of an add may stand for."""
    arg = arg.lstrip("&")
    if (file, arg) in defined:
        return [arg]
    return sorted(assigned[file, function, arg] & {n for f, n in defined if f == file})

def lock_of(file, function, line):
    """The innermost lock that is held in @function at @line, as far as one sees."""
    held = []
    for call in sorted(calls[file, function]):
        if call.line > line or (call.line == line and LOCKED.match(call.name)):
            break
        if ASSERTS.match(call.name):
            held.append((call.args[0], 0))
        elif TAKES.match(call.name):
            held.append((call.args[0], call.end))
        elif DROPS.match(call.name):
            held = [h for h in held if h[0] != call.args[0]]
    held = [lock for lock, end in held if not end or line <= end]
    return held[-1] if held else ""

def say(file, line, text):
    print(f"{file}:{line}: {text}")

def report_all():
    for file, function in sorted(calls, key=str):
        for call in sorted(calls[file, function]):
            if call.name == "dma_fence_add_callback":
                names = functions_of(file, function, call.args[-1])
                say(file, call.line, f"{function}() adds "
                    + (" or ".join(f"{n}()" for n in names) or
                       f"{call.args[-1]}, which is not defined here"))
                for name in names:
                    for kind, what, where, line, via in findings(file, name):
                        say(where, line, f"{name}() {kind}: {what}()"
                            + (f" in {via}()" if via else ""))
                    if tell_unknown:
                        for what in unknown_to(file, name):
                            say(file, call.line, f"{name}() unknown: {what}()")
            elif LOCKED.match(call.name):
                lock = lock_of(file, function, call.line)
                say(file, call.line, f"{function}() calls {call.name}() "
                    + (f"under {lock}" if lock else "under a lock of its caller's"))

// A definition, whether or not it calls anything.
@definition@
identifier fn;
position p;
@@
 fn@p(...) { ... }

@script:python depends on report@
fn << definition.fn;
p << definition.p;
@@
for x in p:
    defined.add((x.file, str(fn)))

@call@
identifier f;
expression list args;
position p;
@@
 f@p(args)

@script:python depends on report@
f << call.f;
args << call.args;
p << call.p;
@@
for x in p:
    note(x, str(f), args)

@guarded@
identifier guard = guard, class;
expression list args;
position p;
@@
 guard(class)@p(args)

@script:python depends on report@
class_ << guarded.class;
args << guarded.args;
p << guarded.p;
@@
for x in p:
    note(x, f"guard:{class_}", args)

@scoped@
iterator name scoped_guard;
identifier class;
expression list args;
position p, q;
@@
 scoped_guard@p(class, args) { ... }@q

@script:python depends on report@
class_ << scoped.class;
args << scoped.args;
p << scoped.p;
q << scoped.q;
@@
note(p[0], f"guard:{class_}", args, q[0].line_end)

@stored@
identifier v, fn;
position p;
@@
 v@p = fn

@script:python depends on report@
v << stored.v;
fn << stored.fn;
p << stored.p;
@@
for x in p:
    assigned[x.file, x.current_element, str(v)].add(str(fn))

@script:python depends on unknown@
@@
tell_unknown = True

@finalize:python depends on report@
@@
report_all()
