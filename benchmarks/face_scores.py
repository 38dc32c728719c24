"""Print the best face score of each picture as JSON, by the detector that mediapipe ships.

    python benchmarks/face_scores.py PICTURES.npy

PICTURES.npy: uint8 (N, H, W, 3). Needs mediapipe 0.10.21, the last version whose wheel holds the
detector's weights, and nothing else: it wants an older NumPy than this project, so it is run in an
environment of its own, see `benchmarks/face_detection.py`. 0 is no face.
"""

import json
import sys

import mediapipe
import numpy as np

LEAST = 0.01  # the detector's own threshold, far below the one that counts


def main():
    pictures = np.load(sys.argv[1])
    faces = mediapipe.solutions.face_detection
    with faces.FaceDetection(model_selection=0, min_detection_confidence=LEAST) as detector:
        print(json.dumps([score(detector.process(picture)) for picture in pictures]))


def score(answer):
    """The largest score among the faces that were found in a picture."""
    return max((face.score[0] for face in answer.detections or []), default=0.0)


if __name__ == "__main__":
    main()
