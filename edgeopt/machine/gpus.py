"""The GPUs that `nvidia-smi` tells of."""

from __future__ import annotations

import subprocess

QUERY = ("nvidia-smi", "--query-gpu=index,name,memory.total,memory.free", "--format=csv,noheader,nounits")
MEBIBYTE = 1 << 20
LONGEST_S = 30
REMEDY = "say it with --memory"


def gpus_of_nvidia(notices: list[str]) -> list[tuple[int, str, int, int]]:
    """Return the number, the name, and the bytes of memory, all and free, of each GPU.

    Without the program there is none; what it does not tell is a notice.
    """
    try:
        answer = subprocess.run(QUERY, capture_output=True, text=True, errors="replace", timeout=LONGEST_S, check=False)
    except FileNotFoundError:
        notices.append(f"no GPU is known here, since there is no nvidia-smi: {REMEDY}")
        return []
    except (OSError, subprocess.TimeoutExpired) as error:
        notices.append(f"nvidia-smi does not answer: {error}")
        return []
    if answer.returncode:
        said = (answer.stderr.strip() or answer.stdout.strip() or "nothing").splitlines()[0]
        notices.append(f"nvidia-smi ends with code {answer.returncode} and says: {said}")
        return []
    gpus = []
    for line in answer.stdout.splitlines():
        if line.strip():
            index, _, rest = line.partition(",")
            name, *sizes = rest.rsplit(",", 2)
            if len(sizes) == 2 and all(size.strip().isdecimal() for size in (index, *sizes)):
                total, free = (int(size) * MEBIBYTE for size in sizes)
                gpus.append((int(index), name.strip(), total, free))
            else:
                notices.append(f"nvidia-smi does not tell the memory of {line.strip()!r}: {REMEDY}")
    return gpus
