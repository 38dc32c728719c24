"""What every page says about itself: one plain sentence under its title, and its terms explained.

One table for all pages: `PAGES` has the sentence and the names of the terms, `TERMS` explains them.
"""

from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from explorer.widgets import copy_link, page_title


@dataclass(frozen=True)
class Term:
    """A term: what it is called, a plain explanation, a formula in LaTeX, and where it is from."""

    name: str
    words: str
    formula: str = ""
    paper: str = ""


TERMS = {
    "latent": Term(
        "Latent, z",
        "A list of random numbers, 100 or so. The generator turns each list into one picture, and"
        " always the same picture.",
        r"x = G(z), \quad z \sim \mathcal{N}(0, I)",
        "Goodfellow et al. 2014, arXiv 1406.2661",
    ),
    "w": Term(
        "w, the second latent space",
        "Some models, such as `faces-style`, first turn z into w with a small network, and draw the"
        " picture from w. A seed gives the same picture in both; *View* chooses in which of the two"
        " paths, directions and ψ work.",
        r"w = f(z), \quad x = G(w)",
        "Karras et al. 2019, arXiv 1812.04948",
    ),
    "seed": Term(
        "Seed",
        "A whole number that stands for a latent, so that the same picture can be drawn again.",
    ),
    "realism": Term(
        "Realism",
        "How well a picture fits among the training images, in the features of a network that was "
        "trained on photographs: 1 or more inside the neighbourhood of some training image, and "
        "lower the farther outside it lies.",
        r"R(x) = \max_i \frac{r_i}{d(x, x_i)}",
        "Kynkäänniemi et al. 2019, arXiv 1904.06991",
    ),
    "D(x)": Term(
        "D(x)",
        "The discriminator’s opinion of a picture: the probability that it is a training image. A"
        " discriminator can be fooled, which is what the generator learned to do.",
        r"D(x) \in [0, 1]",
        "Goodfellow et al. 2014, arXiv 1406.2661",
    ),
    "psi": Term(
        "ψ, truncation",
        "Moves every latent towards the middle. Below 1, samples become more alike and often"
        " cleaner; at 0 all are the mean.",
        r"z' = \bar z + \psi\,(z - \bar z)",
        "Karras et al. 2019, arXiv 1812.04948; Brock et al. 2019, arXiv 1809.11096",
    ),
    "norm": Term(
        "|z| and the shell",
        "|z| is the length of a latent. Nearly all latents have almost the same length, so they "
        "lie on a thin shell around the middle; the middle itself is empty. A sum is rescaled to "
        "that length.",
        r"|z| = \sqrt{\textstyle\sum_i z_i^2} \approx \sqrt{n}",
        "White 2016, arXiv 1609.04468",
    ),
    "slerp": Term(
        "Lerp and slerp",
        "Two ways from one latent to another: lerp goes straight and cuts through the inside of the"
        " shell; slerp follows the shell.",
        r"\mathrm{slerp}(a, b; t) = \frac{\sin((1 - t)\theta)}{\sin\theta}\,a"
        r" + \frac{\sin(t\theta)}{\sin\theta}\,b",
        "White 2016, arXiv 1609.04468",
    ),
    "path length": Term(
        "Path length",
        "How much the picture changes for each step along a path; even steps look smooth.",
        r"\left|\frac{\mathrm{d}\,G(z(t))}{\mathrm{d}t}\right|",
        "Karras et al. 2020, arXiv 1912.04958",
    ),
    "direction": Term(
        "Direction",
        "A way through the latent space along which one thing changes: a smile, glasses, light.",
        r"z' = z + s\,d, \quad |d| = 1",
        "Shen et al. 2020, arXiv 1907.10786",
    ),
    "normal": Term(
        "Normal",
        "An attribute’s direction is the normal of the plane that separates latents with the"
        " attribute from latents without it: the shortest way from one side to the other.",
        r"\{z : d \cdot z = c\}",
        "Shen et al. 2020, arXiv 1907.10786",
    ),
    "unsupervised": Term(
        "GANSpace and SeFa",
        "Directions computed without labels: the principal components of what the generator’s "
        "first layer makes of latents (GANSpace), or the strongest directions of that layer’s "
        "weights (SeFa).",
        "",
        "Härkönen et al. 2020, arXiv 2004.02546; Shen and Zhou 2021, arXiv 2007.06600",
    ),
    "exemplar": Term(
        "Exemplar and concept",
        "An exemplar is a sample that shows something; the mean of several exemplars is a concept,"
        " in which what they do not share averages out.",
        r"\bar z_A - \bar z_B + \bar z_C",
        "Radford et al. 2016, arXiv 1511.06434",
    ),
    "neighbour": Term(
        "Neighbour",
        "The training image with the smallest distance, in pixels or in the features of a "
        "network, which reflect content rather than single pixels.",
        r"\min_i d(x, x_i)",
    ),
    "held-out": Term(
        "Held-out image",
        "A real image that was not used for training. The model cannot have copied it, so its "
        "distance to the training images shows which distances are usual.",
    ),
    "authentic": Term(
        "Authentic, AuthPct",
        "A picture is authentic if it lies farther from its nearest training image than that image"
        " lies from its own nearest neighbour. AuthPct is the percentage of such pictures.",
        r"d(x, x_i) > \min_{j \ne i} d(x_i, x_j)",
        "Alaa et al. 2022, arXiv 2102.08921",
    ),
    "C_T": Term(
        "C_T",
        "Whether samples as a whole lie nearer to the training images than held-out images do: "
        "about 0 if they lie as near, −3 or less if they are copies.",
        r"C_T = \frac{U - \mu_U}{\sigma_U}",
        "Meehan et al. 2020, arXiv 2004.05675",
    ),
    "precision": Term(
        "Precision and recall",
        "Precision: the percentage of samples that look like training images. Recall: the"
        " percentage of training images that samples look like.",
        "",
        "Kynkäänniemi et al. 2019, arXiv 1904.06991",
    ),
    "inversion": Term(
        "Inversion",
        "The search for the latent whose picture comes closest to a given one.",
        r"\arg\min_z \; d(G(z), x)",
        "Zhu et al. 2016, arXiv 1609.03552",
    ),
    "generator": Term(
        "Generator and discriminator",
        "Two networks that play against each other: the generator draws, the discriminator tells"
        " drawn from real, and each learns from the other.",
        r"\min_G \max_D \; \mathbb{E}\log D(x) + \mathbb{E}\log(1 - D(G(z)))",
        "Goodfellow et al. 2014, arXiv 1406.2661",
    ),
    "kimg": Term("kimg", "How long a run has trained: thousands of real images shown to D."),
    "ema": Term(
        "Average (EMA)",
        "The generator that is saved is an average over the last steps, which draws better than"
        " any single step.",
        r"\theta' \leftarrow \beta\,\theta' + (1 - \beta)\,\theta",
        "Karras et al. 2018, arXiv 1710.10196",
    ),
    "state dict": Term(
        "State dict and ONNX",
        "Two kinds of files for networks: a state dict holds weights by name, an ONNX file the"
        " whole computation.",
    ),
    "FD": Term(
        "FD, Fréchet distance",
        "How far the samples as a whole are from real images in a network’s features; 0 is best.",
        r"|\mu_1 - \mu_2|^2 + \mathrm{tr}\,(\Sigma_1 + \Sigma_2 - 2(\Sigma_1\Sigma_2)^{1/2})",
        "Heusel et al. 2017, arXiv 1706.08500",
    ),
}

# Of each page, by its path: the sentence under its title, and its terms.
PAGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "browse": (
        "Look through thousands of pictures that the model makes, and collect those you like.",
        ("latent", "w", "seed", "realism", "D(x)", "psi"),
    ),
    "latents": (
        "Drag a slider and watch the picture change: each moves one number of its latent.",
        ("latent", "w", "norm", "D(x)"),
    ),
    "interpolate": (
        "Morph from one picture into another, through all that lie between them.",
        ("latent", "w", "slerp", "norm", "path length"),
    ),
    "directions": (
        "Change one thing about a picture, such as a smile, and see what else changes with it.",
        ("direction", "w", "normal", "unsupervised"),
    ),
    "arithmetic": (
        "Subtract one kind of picture from another and add the difference to a third.",
        ("exemplar", "w", "norm", "direction"),
    ),
    "photo": (
        "Find the picture of the model that comes closest to a photo of yours.",
        ("inversion", "latent", "w", "D(x)"),
    ),
    "neighbours": (
        "Was this picture invented, or copied from the training images?",
        ("neighbour", "held-out", "authentic", "realism"),
    ),
    "memorisation": (
        "Has this model copied its training images? Thousands of samples, beside images that nobody"
        " copied and a generator that was made to copy.",
        ("C_T", "authentic", "precision", "held-out"),
    ),
    "game": (
        "Watch two networks play against each other, one step at a time.",
        ("generator", "latent", "D(x)"),
    ),
    "lessons": (
        "Views of this app with notes: to follow, to show to a class, and to make yourself.",
        (),
    ),
    "train": (
        "Train a model on pictures of your own.",
        ("generator", "kimg", "ema", "FD"),
    ),
    "import": ("Bring a generator that was trained elsewhere.", ("generator", "state dict")),
    "card": (
        "How this model was trained, how good it is, and what it must not be used for.",
        ("FD", "precision", "ema"),
    ),
    "about": ("Versions, licences, and what is stored on this computer.", ()),
}


def terms(page: str) -> None:
    """The "?" of a page: a popover that explains its terms."""
    names = PAGES[page][1]
    if not names:
        return
    with st.popover("Terms", icon=":material/help:", type="tertiary"):
        for name in names:
            term = TERMS[name]
            st.markdown(f"**{term.name}.** {term.words}")
            if term.formula:
                st.latex(term.formula)
            if term.paper:
                st.caption(term.paper)


def sentence(page: str) -> None:
    """The sentence under a page's title."""
    with st.container(key="page-sentence"):
        st.markdown(PAGES[page][0])


def header(title: str, page: str) -> DeltaGenerator:
    """The title of a page that shows no model, with its terms and its sentence.

    Returns the title's row, for widgets beside it.
    """
    row = page_title.title(title)
    with row, page_title.links():
        terms(page)
        copy_link.button()
    sentence(page)
    return row
