"""COCO: instances with boxes, polygons, masks and keypoints, as one JSON document for each split.

The format: https://cocodataset.org/#format-data. Images are not copied: ``coco_url`` says where each is. What COCO has
no place for is counted. Read back by `engine.annotations.readers.coco`.
"""
