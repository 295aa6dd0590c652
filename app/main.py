"""The frame around every page: navigation, name, and expected errors as sentences."""

from pathlib import Path

import streamlit as st

from runyard.ui.errors import sentences

HERE = Path(__file__).parent

st.set_page_config(page_title="Runyard", page_icon=HERE / "icon.svg", layout="wide")
st.logo(HERE / "logo.svg", icon_image=HERE / "icon.svg", size="large")

page = st.navigation(
    {
        "": [
            st.Page(
                "page/overview.py",
                title="Overview",
                icon=":material/dashboard:",
                default=True,
                help="All runs: what is active, what it cost, how much of it was wasted.",
            )
        ],
        "Train": [
            st.Page(
                "page/presets.py",
                title="Presets",
                icon=":material/auto_awesome:",
                url_path="presets",
                help="Train with three choices: a preset, a model, a data set. Fitted to this machine and explained.",
            ),
            st.Page(
                "page/launch.py",
                title="Launch",
                icon=":material/rocket_launch:",
                url_path="launch",
                help="Configure a training run, see its YAML and command, start it.",
            ),
            st.Page(
                "page/live.py",
                title="Live",
                icon=":material/monitoring:",
                url_path="live",
                help="Watch a run while it trains: progress, loss, speed, log.",
            ),
            st.Page(
                "page/compare_models.py",
                title="Compare models",
                icon=":material/leaderboard:",
                url_path="compare-models",
                help="Several models on the same data, side by side: who is best, and how surely.",
            ),
        ],
        "Analyze": [
            st.Page(
                "page/compare.py",
                title="Compare",
                icon=":material/compare_arrows:",
                url_path="compare",
                help="Chosen runs on one chart, against a baseline, and the settings that differ.",
            ),
            st.Page(
                "page/evolution.py",
                title="Evolution",
                icon=":material/timeline:",
                url_path="evolution",
                help="An agent from training to training: better or worse, and what was changed.",
            ),
            st.Page(
                "page/versions.py",
                title="Versions",
                icon=":material/layers:",
                url_path="versions",
                help="Each version of an agent against the one before: score, reliability, verdict.",
            ),
            st.Page(
                "page/transfer.py",
                title="Transfer",
                icon=":material/conversion_path:",
                url_path="transfer",
                help="Trainings that began with another agent's model: what they gained and saved.",
            ),
            st.Page(
                "page/waste.py",
                title="Waste and efficiency",
                icon=":material/savings:",
                url_path="waste",
                help="What was spent for nothing, and which early-stopping rule would have saved it.",
            ),
            st.Page(
                "page/learning.py",
                title="Continuous learning",
                icon=":material/all_inclusive:",
                url_path="learning",
                help="What an agent forgets while it learns on, where its scores drift, and what its users say.",
            ),
        ],
        "Data": [
            st.Page(
                "page/datasets.py",
                title="Datasets",
                icon=":material/table_view:",
                url_path="datasets",
                help="What models learn from: columns, classes, gaps, versions, and how a split would come out.",
            ),
        ],
        "System": [
            st.Page(
                "page/sql.py",
                title="SQL",
                icon=":material/database:",
                url_path="sql",
                help="Ask the yard anything, read-only: tables, views, saved queries, files, a quick chart.",
            ),
        ],
        "Run": [
            st.Page(
                "page/run.py",
                title="Run detail",
                icon=":material/description:",
                url_path="run",
                visibility="hidden",
                help="One run: results, curves, configuration, environment, log.",
            )
        ],
    }
)
st.title(page.title)
with sentences():
    page.run()
