"""The page, the tables and the figures."""

from pipeline.stages import ROUND_FILES, Stage

STAGES = (
    Stage(
        name="report",
        purpose="the page, the tables and the figures, under reports/",
        run="pipeline.report.stage:run",
        reads=(
            "documents",
            "codes",
            "shares",
            "groups",
            "trends",
            "people",
            "curve",
            "toggles",
            "robustness",
            "agendas",
            "agenda_growth",
            "guesses",
            "plan",
            "predictions",
            "clusters",
            "cluster_members",
            "cluster_changes",
            "cluster_facets",
            "layout",
            "agreement",
            "cluster_codes",
            "layer_codes",
            "controls",
            "cluster_checks",
            "intrusion",
        ),
        inputs=(
            *ROUND_FILES,
            "{handcheck}/codebook/CODEBOOK.md",
            "{other_reports}/tables/shares.csv",
            "{other_reports}/tables/frames.csv",
            "{other_reports}/tables/codes.csv",
        ),
        outputs=("{reports}/{version}/*", "{reports}/{version}/tables/*", "{reports}/{version}/figures/*"),
        settings=("version", "report", "frames", "cluster.layers", "estimate"),
        assets=("report/published.toml", "report/templates/**/*"),
        shows_meanings=True,
    ),
)
