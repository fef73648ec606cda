"""How far readers agree, and what they say of the clusters."""

from pipeline.stages import ROUND_FILES, ROUND_SETTINGS, ROUND_TABLES, Stage

STAGES = (
    Stage(
        name="agreement",
        purpose="how far readers agree, and what they say of the clusters",
        run="pipeline.agreement.stage:run",
        reads=(*ROUND_TABLES, "codes", "cluster_members"),
        writes=(
            "agreement",
            "agreement_parts",
            "outside_labels",
            "truth",
            "cluster_codes",
            "layer_codes",
            "controls",
            "cluster_checks",
            "intrusion",
        ),
        inputs=(
            *ROUND_FILES,
            "{handcheck}/rounds/*/cluster-members.csv",
            "{handcheck}/rounds/*/intrusion.csv",
            "{handcheck}/sheets/clusters/*.csv",
            "{handcheck}/sheets/intrusion/*.csv",
            "{handcheck}/sheets/retest/*.csv",
            "{handcheck}/journal/*/*.jsonl",
            "{handcheck}/external/*.csv",
            "{handcheck}/controls/*.csv",
        ),
        settings=(*ROUND_SETTINGS, "estimate.level", "estimate.reader_sources", "seed"),
    ),
)
