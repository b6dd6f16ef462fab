"""What perf/instructions judges by: the figures in perf/records/instructions.json, and what holds whatever is recorded."""
import dataclasses
import json

# Of the recorded instructions. The same build differs by 0.3 % from run to run, by 2 % where the gateway has a tenth of a
# processor (perf/README.md).
TOLERANCE = 0.03
# Two shards beside one: they share nothing, so a request must cost the same on either.
SHARDS_TOLERANCE = 0.10
# For each unit, whatever is recorded: an event is relayed in memory that is there.
MOST_ALLOCATIONS = {"request": 10, "event": 0}
# Above what is recorded: half of one more for each unit. Memory that grows now and then makes a few hundredths.
MORE_ALLOCATIONS = 0.5
_ROUNDING = 0.1  # what the log and housekeeping allocate now and then


@dataclasses.dataclass(frozen=True)
class Figures:
    """A row's, per unit."""
    instructions: int
    instructions_of_two_shards: int
    allocations: float


@dataclasses.dataclass(frozen=True)
class Verdict:
    good: bool
    text: str


def read(path):
    """(what the record says of itself, row -> Figures); nothing is recorded if there is no file."""
    if not path.exists():
        return {}, {}
    record = json.loads(path.read_text())
    return record, {name: Figures(**figures) for name, figures in record.pop("rows").items()}


def write(path, about, rows):
    """A row a line, so that a change of one shows as such."""
    lines = [f"  {json.dumps(name)}: {json.dumps(dataclasses.asdict(figures))}" for name, figures in sorted(rows.items())]
    head = "".join(f" {json.dumps(key)}: {json.dumps(value)},\n" for key, value in about.items())
    path.write_text("{\n" + head + ' "rows": {\n' + ",\n".join(lines) + "\n }\n}\n")


def judge(name, unit, measured, recorded):
    """The verdicts on a row; `recorded` is None for one that is new."""
    yield _instructions(name, f"{name}: instructions per {unit}", measured.instructions,
                        recorded and recorded.instructions)
    yield _instructions(name, f"{name}: instructions per {unit}, two shards", measured.instructions_of_two_shards,
                        recorded and recorded.instructions_of_two_shards)
    yield _shards(name, unit, measured)
    yield _allocations(name, unit, measured.allocations, recorded and recorded.allocations)


def _instructions(name, what, now, then):
    if then is None:
        return Verdict(False, f"{what}: {now:,}, and none are recorded; {_record(name)}")
    change = now / then - 1
    text = f"{what}: {now:,}, {then:,} recorded ({change:+.1%})"
    if change > TOLERANCE:
        return Verdict(False, f"{text}: more than {TOLERANCE:.0%} above. {_profile(name)}; if it is worth it, "
                              f"{_record(name)}, and say why in the commit")
    if change < -TOLERANCE:
        text += f"; cheaper, so that nothing would notice if it were lost again: {_record(name)}"
    return Verdict(True, text)


def _shards(name, unit, measured):
    ratio = measured.instructions_of_two_shards / measured.instructions
    text = f"{name}: two shards take {ratio:.1%} of one's instructions per {unit}"
    if abs(ratio - 1) <= SHARDS_TOLERANCE:
        return Verdict(True, text)
    return Verdict(False, f"{text}: more than {SHARDS_TOLERANCE:.0%} apart. Shards share nothing on a request's path but "
                          f"what docs/threading.md lists. {_profile(name)}")


def _allocations(name, unit, now, then):
    most = MOST_ALLOCATIONS[unit]
    text = f"{name}: allocations per {unit}: {abs(now):.2f}, {'none' if then is None else format(then, '.2f')} recorded"
    if now > most + _ROUNDING:
        return Verdict(False, f"{text}: more than {most}. {_profile(name)}")
    if then is not None and now > then + MORE_ALLOCATIONS:
        return Verdict(False, f"{text}. {_profile(name)}; if it is worth it, {_record(name)}, and say why in the commit")
    return Verdict(True, text)


def _profile(name):
    return f"To see where they come from: perf/instructions --profiles FOLDER {name}, then callgrind_annotate on its files"


def _record(name):
    return f"record it with perf/instructions --record {name}"
