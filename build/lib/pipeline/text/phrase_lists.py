"""Lists of phrases that define populations, by the name that a query may use for them: `phrases = ["@core"]`.

A list is part of the definition of a frame: changing one changes who belongs to it.
"""

from collections.abc import Iterable, Mapping

# The core list of AI safety on arXiv, version 2026-11: of 205,973 papers announced in cs.AI, cs.CL or cs.LG from
# 2024-03-04 to 2026-08-21 it finds 10,684.
CORE = tuple(
    """
ai safety
ai alignment
ai control
alignment of ai
aligning ai
value alignment
human values
llm alignment
language model alignment
language models alignment
model alignment
pluralistic alignment
superalignment
safety alignment
safety aligned
misaligned ai
misaligned model*
misaligned behavio*
misaligned agent*
misaligned goal*
ai misalignment
agentic misalignment
emergent misalignment
emergently misaligned
deceptive alignment
deceptive ai
deceptive llm*
deceptive behavio*
scheming
alignment faking
sandbagging
sycophan*
reward hacking
reward tampering
reward misspecification
reward overoptimi*
reward over optimi*
specification gaming
goal misgenerali*
scalable oversight
weak to strong
ai debate
constitutional ai
deliberative alignment
model spec
corrigib*
power seeking
superintelligen*
existential risk*
catastrophic risk*
loss of control
ai risk*
frontier ai
ai governance
ai regulation
ai policy
ai act
mechanistic interpretab*
mechanistically interpret*
sparse autoencoder*
sparse auto encoder*
steering vector*
activation steering
representation engineering
jailbreak*
red team*
harmful request*
harmful instruction*
harmful quer*
harmful output*
harmful behavio*
dangerous capabilit*
dual use
biosecurity
cbrn
safety evaluation*
safety benchmark*
safety case*
safety guardrail*
safety training
safety tuning
safety fine tuning
guardrail*
llm safety
agent safety
agentic safety
model safety
safety of llm*
safety of large language
safety of language model*
safety of ai
safe ai
llm unlearning
language model unlearning
knowledge unlearning
prompt injection*
rlhf
reinforcement learning from human feedback
reinforcement learning from ai feedback
cot monitor*
chain of thought monitor*
chain of thought faithful*
unfaithful reasoning
monitorab*
model welfare
ai welfare
moral status
moral patient*
value learning
inverse reward
assistance game*
shutdown
eval awareness
evaluation awareness
situational awareness of llm
model organism*
ai agents safety
trustworthy ai
responsible ai
""".strip().splitlines()
)
LISTS: Mapping[str, tuple[str, ...]] = {"@core": CORE}


def expand_phrases(phrases: Iterable[str]) -> tuple[str, ...]:
    """Returns phrases with the names of lists replaced by what they hold; an unknown name stays a phrase."""
    return tuple(phrase for name in phrases for phrase in LISTS.get(name, (name,)))
