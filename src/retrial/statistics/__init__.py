"""The statistics behind the verdicts: pure functions over arrays, rules fixed before a run.

`printed` reads printed numbers and compares them exactly; `value`, `order`, `curve` and `choice`
each judge one kind of claim; `paired` holds tests for models without seeds; `intervals` what the
others rest on. Every rule has worked numbers in the tests.
"""

from retrial.statistics.choice import (
    ChoiceJudgement,
    Selection,
    judge_choice,
    selection_frequency,
)
from retrial.statistics.curve import CurveJudgement, judge_curve
from retrial.statistics.intervals import (
    FEWEST_SEEDS,
    Interval,
    Mean,
    prediction_interval,
    seeds_for_half_width,
    t_interval,
    wilson,
)
from retrial.statistics.order import (
    DELTA,
    FEWEST_SEEDS_ORDER,
    OrderEvidence,
    OrderJudgement,
    decide_order,
    decide_table,
    holm,
    judge_order,
    order_test,
)
from retrial.statistics.paired import (
    ResampledT,
    corrected_resampled_t,
    disagreements,
    mcnemar_exact,
    smallest_mcnemar_p,
)
from retrial.statistics.printed import (
    ExactMatch,
    Printed,
    default_margin,
    exact,
    parse_printed,
    printed_at,
)
from retrial.statistics.value import (
    Explanation,
    ValueJudgement,
    Verdict,
    explained,
    judge_value,
)

__all__ = [
    "DELTA",
    "FEWEST_SEEDS",
    "FEWEST_SEEDS_ORDER",
    "ChoiceJudgement",
    "CurveJudgement",
    "ExactMatch",
    "Explanation",
    "Interval",
    "Mean",
    "OrderEvidence",
    "OrderJudgement",
    "Printed",
    "ResampledT",
    "Selection",
    "ValueJudgement",
    "Verdict",
    "corrected_resampled_t",
    "decide_order",
    "decide_table",
    "default_margin",
    "disagreements",
    "exact",
    "explained",
    "holm",
    "judge_choice",
    "judge_curve",
    "judge_order",
    "judge_value",
    "mcnemar_exact",
    "order_test",
    "parse_printed",
    "prediction_interval",
    "printed_at",
    "seeds_for_half_width",
    "selection_frequency",
    "smallest_mcnemar_p",
    "t_interval",
    "wilson",
]
