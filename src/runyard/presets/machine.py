"""A machine as far as a training cares, and the tiers that its memory puts it into."""

from dataclasses import dataclass, replace

_SPARE_SHARE = 0.9  # of a GPU: what its driver and other programs take
_SPARE_SHARE_OF_MAIN = 0.8


@dataclass(frozen=True)
class Machine:
    """Memory in GB (1e9 bytes): `memory_gb` is main memory that a run may use, `gpu_memory_gb` that of the GPU.

    `has_bfloat16` is said of the GPU, of the CPU where there is none; `cpu_has_bfloat16` of the CPU beside a GPU.
    """

    memory_gb: float
    cores: int = 1
    gpu: str | None = None
    gpu_memory_gb: float | None = None
    has_bfloat16: bool = False
    disk_free_gb: float | None = None
    cpu_has_bfloat16: bool = False

    @property
    def has_gpu(self) -> bool:
        return bool(self.gpu_memory_gb)


@dataclass(frozen=True)
class Tier:
    """A rule: from so much GPU memory on at most this batch and length; None is no bound."""

    name: str
    from_gb: float
    batch_size: int | None = None
    max_length: int | None = None
    gradient_checkpointing: bool = False


CPU_ONLY = Tier("CPU only", 0.0, batch_size=2, max_length=512)
TIERS = (
    Tier("24 GB", 24.0),
    Tier("16 GB", 16.0, batch_size=4, max_length=768),
    Tier("8 GB", 8.0, batch_size=2, max_length=512, gradient_checkpointing=True),
    Tier("4 GB", 4.0, batch_size=1, max_length=256, gradient_checkpointing=True),
    CPU_ONLY,
)


def used_for(device: str, machine: Machine) -> Machine:
    """Return what a run uses of a machine: no GPU where it asks for the CPU, or where the GPU is below every tier."""
    if not machine.has_gpu or (device != "cpu" and tier_of(machine) is not CPU_ONLY):
        return machine
    return replace(machine, gpu=None, gpu_memory_gb=None, has_bfloat16=machine.cpu_has_bfloat16)


def tier_of(machine: Machine) -> Tier:
    """Return the highest tier that a machine reaches; below 4 GB of GPU memory the CPU computes."""
    return next(tier for tier in TIERS if tier.from_gb <= (machine.gpu_memory_gb or 0.0))


def budget_gb(machine: Machine) -> float:
    """Return the memory that a run may take: of a tier between two bounds its own, so that the next machine has it."""
    tier = tier_of(machine)
    if tier is CPU_ONLY:
        return _SPARE_SHARE_OF_MAIN * machine.memory_gb
    has = machine.gpu_memory_gb or 0.0
    return _SPARE_SHARE * (has if tier is TIERS[0] else tier.from_gb)


def words(machine: Machine) -> str:
    """Say in one line what the machine is."""
    cores = f"{machine.cores} CPU core{'' if machine.cores == 1 else 's'}, {machine.memory_gb:.0f} GB of memory"
    gpu = f"{machine.gpu} with {machine.gpu_memory_gb:.0f} GB" if machine.has_gpu else "no GPU"
    return f"{cores}, {gpu}"
